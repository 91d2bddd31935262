// RelayDaemon
