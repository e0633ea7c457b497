"""The components that TFX lacks or that need another behaviour than TFX's own."""
