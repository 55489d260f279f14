"""`gpu-visible`: what a skip is, what a failure, and what CUDA's texts mean."""

import msgspec
import pytest

from pytest_tfdocker.checks.gpu_errors import meaning_of_gpu_error
from pytest_tfdocker.checks.gpu_visible import CHECK, judge_gpu
from pytest_tfdocker.evidence.records import Absent, Distributions, Gpu, GpuDevice, GpuFramework

T4 = GpuDevice(name="Tesla T4", capability="7.5", memory_bytes=15 * 2**30)
TORCH = GpuFramework(
    name="torch",
    version="2.14.1",
    cuda="13.0",
    architectures=["sm_75", "sm_80"],
    sees=True,
    kernel_ran=True,
)
CPU_TORCH = GpuFramework(name="torch", version="2.13.0+cpu")
REQUIRED = {"gpu": {"expect": "required"}}


def gpu(*frameworks, visible=True, **changes):
    devices = [T4] if visible else []
    driver = "580.95.05"
    given = {"driver": driver, "devices": devices, "frameworks": list(frameworks), **changes}
    return Gpu(visible=visible, **given)


def changed(framework, **changes):
    return msgspec.structs.replace(framework, **changes)


@pytest.fixture
def with_gpu(evidence, engine):
    return evidence(engine=msgspec.structs.replace(engine, gpu=True))


def test_an_image_that_wants_no_gpu_has_no_item(image, declared):
    assert CHECK.plan(image(gpu={"expect": "none"}), declared()) == []
    assert CHECK.plan(image(), declared()) == [None]


def test_an_engine_without_gpu_skips(facts):
    verdict = CHECK.judge(facts(), None)
    assert (verdict.outcome, verdict.text) == ("skipped", "the engine offers no GPU")


def test_an_engine_without_gpu_fails_where_one_is_required(facts):
    verdict = CHECK.judge(facts(REQUIRED, origins={"gpu.expect": "pyproject.toml:31"}), None)
    assert verdict.outcome == "failed"
    assert verdict.text == (
        "the engine offers no GPU, and one is required\n"
        "  gpu.expect is 'required' (pyproject.toml:31)\n"
        "  the engine names neither an NVIDIA runtime nor CDI devices: "
        "install nvidia-container-toolkit on its host"
    )


def test_a_probe_that_did_not_answer_is_an_error(facts, with_gpu):
    absent = Absent(reason="the GPU probe took more than 60 s")
    verdict = CHECK.judge(facts(evidence=with_gpu, gpu=absent), None)
    assert (verdict.outcome, verdict.text) == ("error", "the GPU probe took more than 60 s")


def test_a_framework_that_ran_a_kernel_passes(facts, with_gpu):
    verdict = CHECK.judge(facts(evidence=with_gpu, gpu=gpu(TORCH)), None)
    assert (verdict.outcome, verdict.text) == ("passed", "torch on Tesla T4")


def test_a_driver_that_is_too_old_is_told_in_versions(facts, with_gpu):
    error = "The NVIDIA driver on your system is too old (found version 12080). Please update"
    blind = changed(TORCH, sees=False, kernel_ran=False, error=error)
    seen = gpu(blind, driver="570.124.06")
    verdict = CHECK.judge(facts(evidence=with_gpu, gpu=seen), None)
    assert verdict.outcome == "failed"
    assert verdict.text == (
        "1 of 1: torch sees no GPU\n"
        "  torch 2.14.1 (CUDA 13.0, code for sm_75, sm_80): sees no GPU\n"
        f"    {error}\n"
        "    driver 570.124.06 offers CUDA 12.8 (12080 is no driver version); "
        "the build is for CUDA 13.0, which needs driver 580.65.06 or newer\n"
        "  Tesla T4, capability 7.5, 15.00 GiB\n"
        "  driver 570.124.06"
    )


def test_a_device_that_is_seen_but_runs_nothing_fails():
    error = "CUDA error: no kernel image is available for execution on the device"
    verdict = judge_gpu(gpu(changed(TORCH, kernel_ran=False, error=error)), required=False)
    assert verdict.headline == "1 of 1: torch runs no kernel on the GPU"
    assert verdict.details[2].strip() == (
        "the build has no code for this device: see its architectures, and take a build that has"
    )


def test_a_cpu_build_skips_where_a_gpu_is_optional():
    verdict = judge_gpu(gpu(CPU_TORCH), required=False)
    assert (verdict.outcome, verdict.headline) == ("skipped", "only CPU builds: torch 2.13.0+cpu")


def test_a_cpu_build_fails_where_a_gpu_is_required():
    verdict = judge_gpu(gpu(TORCH, changed(CPU_TORCH, name="onnxruntime")), required=True)
    assert (verdict.outcome, verdict.measured, verdict.budget) == ("failed", 1, 2)
    assert verdict.text == (
        "1 of 2: onnxruntime is a CPU build\n"
        "  onnxruntime 2.13.0+cpu (CPU): is a CPU build\n"
        "    a CPU build: install the CUDA build (torch's default wheel, tensorflow[and-cuda], "
        "onnxruntime-gpu, jax[cuda12])\n"
        "  Tesla T4, capability 7.5, 15.00 GiB\n"
        "  driver 580.95.05"
    )


def test_a_container_that_sees_no_device_fails_a_cuda_build():
    seen = gpu(
        changed(TORCH, sees=False, kernel_ran=False),
        visible=False,
        error="cuInit: 100 no CUDA-capable device",
    )
    verdict = judge_gpu(seen, required=False)
    assert verdict.text == (
        "0 devices seen in the container\n"
        "  cuInit: 100 no CUDA-capable device\n"
        "  the driver is there and shows no device: CUDA_VISIBLE_DEVICES or "
        "NVIDIA_VISIBLE_DEVICES may be empty in the image\n"
        "  driver 580.95.05\n"
        "  torch 2.14.1 (CUDA 13.0, code for sm_75, sm_80)"
    )


@pytest.mark.parametrize(("required", "outcome"), [(False, "skipped"), (True, "failed")])
def test_no_framework_at_all(required, outcome):
    verdict = judge_gpu(gpu(), required=required)
    assert verdict.outcome == outcome
    assert verdict.headline == "no framework in the image that could see a GPU"


CRASHED = GpuFramework(name="tensorflow", version="", error="killed by SIGSEGV\nAborted (core)")


@pytest.mark.parametrize("required", [False, True])
def test_a_framework_that_crashed_is_no_cpu_build(required):
    verdict = judge_gpu(gpu(CRASHED), required=required)
    assert verdict.outcome == "failed"
    assert verdict.text == (
        "1 of 1: tensorflow gave no answer: killed by SIGSEGV\n"
        "  tensorflow gave no answer: killed by SIGSEGV\n"
        "    Aborted (core)\n"
        "  Tesla T4, capability 7.5, 15.00 GiB\n"
        "  driver 580.95.05"
    )


def test_a_framework_that_crashed_fails_beside_one_that_ran_a_kernel():
    verdict = judge_gpu(gpu(TORCH, CRASHED), required=False)
    assert (verdict.outcome, verdict.measured, verdict.budget) == ("failed", 1, 2)
    assert verdict.headline == "1 of 2: tensorflow gave no answer: killed by SIGSEGV"


def test_a_framework_that_hung_tells_what_it_wrote_last_and_what_that_means():
    written = "\n".join(["a line"] * 9 + ["CUDA_ERROR_NO_DEVICE"])
    hung = changed(CRASHED, error=f"did not end within its time limit\n{written}")
    assert judge_gpu(gpu(hung), required=False).details[1:8] == (
        "  … 5 more above",
        *["  a line"] * 4,
        "  CUDA_ERROR_NO_DEVICE",
        "  the driver is there and shows no device: CUDA_VISIBLE_DEVICES or "
        "NVIDIA_VISIBLE_DEVICES may be empty in the image",
    )


def test_without_a_device_a_crash_is_told_beside_it_where_one_is_required():
    blind = gpu(CRASHED, visible=False, error="cuInit gives error 3")
    assert judge_gpu(blind, required=False).headline == (
        "1 of 1: tensorflow gave no answer: killed by SIGSEGV"
    )
    assert judge_gpu(blind, required=True).text == (
        "0 devices seen in the container\n"
        "  cuInit gives error 3\n"
        "  driver 580.95.05\n"
        "  tensorflow gave no answer: killed by SIGSEGV"
    )


@pytest.mark.parametrize("expect", ["auto", "required"])
def test_what_only_a_model_can_tell_is_a_skip(facts, with_gpu, distribution, expect):
    there = Distributions(installed=[distribution("onnxruntime-gpu", "1.22.0")])
    evidence = msgspec.structs.replace(with_gpu, distributions=there)
    judged = facts({"gpu": {"expect": expect}}, evidence=evidence, gpu=gpu())
    verdict = CHECK.judge(judged, None)
    assert (verdict.outcome, verdict.text) == (
        "skipped",
        "can't tell: onnxruntime-gpu is not asked\n"
        "  only torch, tensorflow and jax are asked: a smoke shows what others do\n"
        "  Tesla T4, capability 7.5, 15.00 GiB\n"
        "  driver 580.95.05",
    )


def test_a_cpu_build_of_onnxruntime_is_nothing_that_could_see_a_gpu(facts, with_gpu, distribution):
    there = Distributions(installed=[distribution("onnxruntime", "1.22.0")])
    evidence = msgspec.structs.replace(with_gpu, distributions=there)
    assert CHECK.judge(facts(REQUIRED, evidence=evidence, gpu=gpu()), None).text.startswith(
        "no framework in the image that could see a GPU"
    )


@pytest.mark.parametrize(
    ("text", "start"),
    [
        ("Torch not compiled with CUDA enabled", "a CPU build"),
        ("Found no NVIDIA driver on your system. Please check", "no driver reaches the container"),
        ("No CUDA GPUs are available", "the driver is there and shows no device"),
        ("Error 803: system has unsupported display driver / cuda driver combination", "the image"),
        ("Error 804: forward compatibility was attempted on non supported HW", "CUDA compat"),
        ('could not select device driver "" with capabilities: [[gpu]]', "the engine has no GPU"),
        ("libcuda.so.1: cannot open shared object file", "the driver's libcuda.so.1 isn't inside"),
    ],
)
def test_known_texts_have_a_meaning(text, start):
    meaning = meaning_of_gpu_error(text, built_for=None, driver=None)
    assert meaning is not None
    assert meaning.startswith(start)


def test_an_unknown_text_has_none():
    assert meaning_of_gpu_error("boom", built_for="12.8", driver=None) is None


NO_GPU_FOR_JAX = (
    "RuntimeError: Unknown backend: 'gpu' requested, but no platforms that are instances of gpu "
    "are present. Platforms present are: cpu"
)
"""jax 0.11.2 with its CUDA plugin on an H200, with CUDA_VISIBLE_DEVICES empty."""


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (NO_GPU_FOR_JAX, "CUDA_VISIBLE_DEVICES"),
        ("cuInit gives error 100 CUDA_ERROR_NO_DEVICE", "CUDA_VISIBLE_DEVICES"),
        ("cuInit gives error 34 CUDA_ERROR_STUB_LIBRARY", "lib64/stubs"),
        ("cuInit gives error 803 CUDA_ERROR_SYSTEM_DRIVER_MISMATCH", "compat libraries"),
    ],
)
def test_what_a_real_driver_and_framework_say_has_a_meaning(text, told):
    assert told in meaning_of_gpu_error(text, built_for="13.0", driver="580.159.04")
