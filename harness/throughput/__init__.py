"""How fast a system is: workloads as people have them, measured beside what the machine could do at most."""
