"""The routes that wsrelay has without any file."""

ROUTES = """
[[route]]
path = "/echo"
mode = "echo"

[[route]]
path = "/broadcast"
mode = "broadcast"

[[route]]
path = "/room/{name}"
mode = "broadcast"
"""
