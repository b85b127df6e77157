"""The live page: its sliders ask the engine itself, in this Python or in the browser's own."""
