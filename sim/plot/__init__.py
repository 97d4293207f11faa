"""Pictures of boots, designs and sweeps, drawn with matplotlib; each function returns a figure."""
