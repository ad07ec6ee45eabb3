"""Load tests: simulated users on one server, throughput against waiting, and where more users stop paying."""
