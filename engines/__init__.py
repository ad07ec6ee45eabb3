"""What runs a model: the engine side of Tandem. Imports no Qt and nothing from `app`."""
