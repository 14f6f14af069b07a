"""Model families behind one protocol: load, freeze points, processor, generation, export."""
