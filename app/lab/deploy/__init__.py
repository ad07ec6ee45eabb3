"""A lane as something to deploy: commands, compose files and manifests for the big servers, and what they cannot express."""

from app.lab.deploy.export import Exported, Target, export, targets
from app.lab.deploy.source import DeploySource, Options, Speculation, source_of

__all__ = ["DeploySource", "Exported", "Options", "Speculation", "Target", "export", "source_of", "targets"]
