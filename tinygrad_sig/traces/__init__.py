"""What a backward pass did: the trace, the chain, the health of layers, the report of the command."""
