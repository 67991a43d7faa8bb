"""Pictures: crop, resize, colour and layout, in one place."""
