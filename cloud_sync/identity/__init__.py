"""Who is who on the bus: certificates of nodes and service, what a broker has to know, lost nodes, keys after keys."""
