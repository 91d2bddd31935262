print("wsrelay")
