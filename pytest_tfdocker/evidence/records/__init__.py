"""The facts that are gathered. Bytes are integers; a fact that is absent is None, never 0."""

from pytest_tfdocker.evidence.records.common import (
    Absent,
    Record,
)
from pytest_tfdocker.evidence.records.engine import (
    BuildFacts,
    EngineFacts,
)
from pytest_tfdocker.evidence.records.files import (
    Bloat,
    Download,
    Files,
    Layer,
    Owner,
    Uncompared,
    Waste,
    WastedFile,
    WastedGroup,
)
from pytest_tfdocker.evidence.records.fit import (
    Fit,
    Trial,
)
from pytest_tfdocker.evidence.records.gpu import (
    Gpu,
    GpuDevice,
    GpuFramework,
)
from pytest_tfdocker.evidence.records.image import (
    HIDDEN_BY_THE_ENGINE_BYTES,
    Base,
    ImageConfig,
    ImageEvidence,
    Inventory,
)
from pytest_tfdocker.evidence.records.python import (
    Distribution,
    Distributions,
    Import,
    Imports,
    Interpreter,
    Verification,
    Verified,
)
from pytest_tfdocker.evidence.records.run import (
    WHOLE_RUN,
    Effective,
    Limits,
    Phase,
    Repeats,
    Requests,
    Resources,
    Run,
    Started,
)
from pytest_tfdocker.evidence.records.threads import (
    FrameworkThreads,
    Threads,
)

__all__ = [
    "HIDDEN_BY_THE_ENGINE_BYTES",
    "WHOLE_RUN",
    "Absent",
    "Base",
    "Bloat",
    "BuildFacts",
    "Distribution",
    "Distributions",
    "Download",
    "Effective",
    "EngineFacts",
    "Files",
    "Fit",
    "FrameworkThreads",
    "Gpu",
    "GpuDevice",
    "GpuFramework",
    "ImageConfig",
    "ImageEvidence",
    "Import",
    "Imports",
    "Interpreter",
    "Inventory",
    "Layer",
    "Limits",
    "Owner",
    "Phase",
    "Record",
    "Repeats",
    "Requests",
    "Resources",
    "Run",
    "Started",
    "Threads",
    "Trial",
    "Uncompared",
    "Verification",
    "Verified",
    "Waste",
    "WastedFile",
    "WastedGroup",
]
