"""`import[MODULE]` and `import[undeclared]`."""

import pytest

from pytest_tfdocker.checks.frameworks import modules_to_import
from pytest_tfdocker.checks.imports import CHECK
from pytest_tfdocker.evidence.records import Absent, Distributions, Import, Imports

MIB = 2**20
ON = "on /opt/venv/bin/python 3.11.2 (CMD python app.py)"


def tried(name="torch", *, ok=True, **changes):
    fields = {"name": name, "ok": ok, "seconds": 2.8, "rss_bytes": 494 * MIB, **changes}
    return Imports(modules={name: Import(**fields)})


def test_plan_is_the_frameworks_declared_and_one_item_for_the_others(image, declared):
    lines = ("tf-nightly", "numpy==2.0", "torch==2.13.0", "onnxruntime-gpu")
    planned = CHECK.plan(image(), declared(*lines))
    assert planned == ["torch", "tensorflow", "onnxruntime", "undeclared"]


def test_plan_is_what_is_set_once_each(image, declared):
    chosen = image(imports={"modules": ["app", "torch", "app"]})
    assert CHECK.plan(chosen, declared("transformers")) == ["app", "torch"]
    assert CHECK.plan(image(imports={"modules": []}), declared("transformers")) == []


def test_frameworks_installed_but_not_declared_are_imported_too(image, declared, evidence):
    asked = declared("transformers==5.23.0")
    assert modules_to_import(image(), asked, evidence()) == ["transformers", "torch"]


def test_what_a_marker_leaves_out_is_not_imported(image, declared, evidence):
    asked = declared("transformers", "torch", 'tensorflow; sys_platform == "darwin"')
    assert modules_to_import(image(), asked, evidence()) == ["torch", "transformers"]


def test_nothing_is_imported_where_the_list_is_empty(image, declared, evidence):
    nothing = image(imports={"modules": []})
    assert modules_to_import(nothing, declared("torch"), evidence()) == []


def test_an_import_that_works_tells_time_and_memory(facts):
    verdict = CHECK.judge(facts(imports=tried()), "torch")
    assert (verdict.outcome, verdict.text) == ("passed", "2.8 s, 494 MiB resident")


def test_a_missing_module_names_its_requirement(facts, declared):
    error = "ModuleNotFoundError: No module named 'torch'"
    judged = facts(
        imports=tried(ok=False, error=error), declared=declared("numpy==2.0", "torch==2.13.0")
    )
    verdict = CHECK.judge(judged, "torch")
    assert verdict.outcome == "failed"
    assert verdict.text == (
        "ModuleNotFoundError: No module named 'torch'\n"
        "  torch is not installed for this interpreter\n"
        "  declared: torch==2.13.0 at requirements.txt:2\n"
        f"  {ON}"
    )


def test_a_missing_shared_library_names_the_package_that_brings_it(facts):
    error = "ImportError: libgomp.so.1: cannot open shared object file: No such file or directory"
    verdict = CHECK.judge(facts(imports=tried(ok=False, error=error)), "torch")
    assert verdict.text == (
        "ImportError: libgomp.so.1: cannot open shared object file:…\n"
        "  the shared library libgomp.so.1 is missing: `apt-get install libgomp1` brings it\n"
        f"  {ON}\n"
        "  in full:\n"
        f"    {error}"
    )


@pytest.mark.parametrize(
    ("library", "source"),
    [
        ("libGL.so.1", "`apt-get install libgl1` brings it; opencv-python-headless may do without"),
        ("libcublasLt.so.12", "the wheel nvidia-cublas, or an nvidia/cuda base, brings it"),
        ("libtorch_cpu.so", "it is torch's own: install torch again, and delete nothing of it"),
        (
            "libcuda.so.1",
            "it is the driver's, put in by NVIDIA's container runtime where there is a GPU",
        ),
    ],
)
def test_well_known_libraries_have_a_source(facts, library, source):
    error = f"OSError: {library}: cannot open shared object file: No such file or directory"
    verdict = CHECK.judge(facts(imports=tried(ok=False, error=error)), "torch")
    assert verdict.details[0] == f"the shared library {library} is missing: {source}"


def test_a_placeholder_of_diffusers_has_a_meaning(facts):
    # It begins with an empty line
    error = "ImportError: \nDiffusionPipeline requires the PyTorch library but it was not found"
    verdict = CHECK.judge(facts(imports=tried("diffusers", ok=False, error=error)), "diffusers")
    assert verdict.headline == "ImportError: DiffusionPipeline requires the PyTorch library…"
    assert verdict.details[0] == (
        "it gives out placeholders, since the framework under it is missing or broken"
    )


def test_a_traceback_is_told_by_its_last_error(facts):
    error = (
        "Traceback (most recent call last):\n"
        '  File "<string>", line 1, in <module>\n'
        "RuntimeError: Numpy is not available"
    )
    verdict = CHECK.judge(facts(imports=tried(ok=False, error=error)), "torch")
    assert verdict.headline == "RuntimeError: Numpy is not available"
    assert verdict.details[0] == (
        "built against another NumPy than the one installed: pin the NumPy that it needs "
        "(numpy<2 for what was built against NumPy 1), or take a newer build of it"
    )


def test_an_oom_kill_says_under_which_limit_and_that_imports_are_judged_under_it(facts):
    killed = tried(
        "transformers",
        ok=False,
        rss_bytes=None,
        error="killed by SIGKILL",
        oom_killed=True,
        memory_limit_bytes=200 * MIB,
    )
    judged = facts(
        {"run": {"memory": 200 * MIB}}, imports=killed, origins={"run.memory": "compose.yaml:9"}
    )
    assert CHECK.judge(judged, "transformers").text == (
        "out of memory under 200 MiB, killed by SIGKILL\n"
        "  importing transformers takes more than 200 MiB, before any model is loaded\n"
        "  imports are judged under the limits of run.memory (compose.yaml:9), "
        "as production has them: raise it there\n"
        f"  {ON}"
    )


def test_an_error_hidden_in_a_warning_fails(facts):
    warning = "transformers: Disabling PyTorch because PyTorch >= 2.6 is required but found 1.13.1"
    verdict = CHECK.judge(facts(imports=tried("transformers", warnings=[warning])), "transformers")
    assert verdict.outcome == "failed"
    assert verdict.text == (
        "imports, but warns: transformers: Disabling PyTorch because…\n"
        "  transformers finds no torch that it accepts, and gives out placeholders for models\n"
        f"  {ON}\n"
        "  in full:\n"
        f"    {warning}"
    )


@pytest.mark.parametrize(
    "warning",
    [
        "FutureWarning: `clean_up_tokenization_spaces` was not set",
        "UserWarning: Failed to initialize NumPy: No module named 'numpy' (Triggered internally)",
    ],
    ids=["of transformers", "of torch without numpy, which it can do without"],
)
def test_a_harmless_warning_passes(facts, warning):
    assert CHECK.judge(facts(imports=tried(warnings=[warning])), "torch").outcome == "passed"


def test_control_characters_of_an_error_are_escaped(facts):
    verdict = CHECK.judge(
        facts(imports=tried(ok=False, error="OSError: \x1b]0;pwned\x07")), "torch"
    )
    assert verdict.headline == "OSError: \\x1b]0;pwned\\x07"


def test_a_marker_that_is_false_in_the_image_skips(facts, declared):
    judged = facts(declared=declared('torch; sys_platform == "darwin"'))
    verdict = CHECK.judge(judged, "torch")
    assert verdict.outcome == "skipped"
    assert verdict.text == (
        "its marker leaves it out of this image\n"
        '  declared: torch; sys_platform == "darwin" at requirements.txt:1'
    )


@pytest.mark.parametrize(
    ("imports", "text"),
    [
        (Absent(reason="no Python in the image"), "no Python in the image"),
        (None, "what imports was not gathered"),
        (Imports(modules={}), "torch was not tried"),
    ],
)
def test_what_was_not_tried_is_an_error(facts, imports, text):
    verdict = CHECK.judge(facts(imports=imports), "torch")
    assert (verdict.outcome, verdict.text) == ("error", text)


def test_undeclared_frameworks_are_judged_in_one_item(facts, declared):
    broken = tried(ok=False, error="OSError: libc10.so: cannot open shared object file")
    judged = facts(imports=broken, declared=declared("transformers"))
    verdict = CHECK.judge(judged, "undeclared")
    assert verdict.outcome == "failed"
    assert verdict.text == (
        "1 of 1: torch: OSError: libc10.so: cannot open shared objec…\n"
        "  torch: OSError: libc10.so: cannot open shared object file\n"
        "    the shared library libc10.so is missing: "
        "it is torch's own: install torch again, and delete nothing of it\n"
        f"    {ON}\n"
        "  installed, though no requirement names it"
    )


def test_undeclared_frameworks_that_import_are_named(facts, declared):
    judged = facts(imports=tried(), declared=declared("transformers"))
    verdict = CHECK.judge(judged, "undeclared")
    assert (verdict.outcome, verdict.text) == (
        "passed",
        "1 installed without being declared: torch",
    )


def test_nothing_undeclared_passes(facts, declared):
    judged = facts(imports=Imports(modules={}), declared=declared("transformers", "torch"))
    verdict = CHECK.judge(judged, "undeclared")
    assert verdict.outcome == "passed"
    assert verdict.text == "no framework is installed that isn't declared"


def test_an_image_without_a_framework_is_not_judged(facts, evidence, distribution):
    plain = evidence(distributions=Distributions(installed=[distribution("requests")]))
    verdict = CHECK.judge(facts(evidence=plain), "undeclared")
    assert (verdict.outcome, verdict.text) == ("skipped", "no ML framework is installed")


def test_undeclared_without_an_inventory_is_an_error(facts, evidence):
    unknown = evidence(distributions=Absent(reason="no Python in the image"))
    verdict = CHECK.judge(facts(evidence=unknown), "undeclared")
    assert (verdict.outcome, verdict.text) == ("error", "no Python in the image")


def test_a_library_that_is_not_known_is_named_all_the_same(facts):
    error = "OSError: libodd.so.3: cannot open shared object file: No such file or directory"
    verdict = CHECK.judge(facts(imports=tried(ok=False, error=error)), "torch")
    assert verdict.details[0] == "the shared library libodd.so.3 is missing"


def test_a_wheel_built_for_a_newer_libc_asks_for_a_newer_base(facts):
    error = "ImportError: /lib/libc.so.6: version `GLIBC_2.38' not found (required by x.so)"
    verdict = CHECK.judge(facts(imports=tried(ok=False, error=error)), "torch")
    assert verdict.details[0] == (
        "built for a newer system than the image's: it needs GLIBC_2.38; take a newer base"
    )


def test_a_marker_that_can_not_be_read_leaves_nothing_out(image, declared, evidence):
    asked = declared("torch; colour == 'blue'")
    assert modules_to_import(image(), asked, evidence())[0] == "torch"


def test_without_an_interpreter_or_inventory_what_is_declared_is_imported(
    image, declared, evidence
):
    absent = Absent(reason="no Python in the image")
    bare = evidence(interpreter=absent, distributions=absent)
    assert modules_to_import(image(), declared("torch"), bare) == ["torch"]


def test_a_missing_distribution_is_named_though_the_error_names_it_late(facts):
    error = (
        "importlib.metadata.PackageNotFoundError: No package metadata was found for The "
        "'safetensors>=0.8.0' distribution was not found and is required by this application."
    )
    verdict = CHECK.judge(facts(imports=tried(ok=False, error=error)), "torch")
    assert verdict.headline == "PackageNotFoundError: No package metadata was found for The…"
    assert verdict.details[0] == (
        "the distribution safetensors>=0.8.0 is not installed for this interpreter"
    )
    assert verdict.details[-1].startswith("  importlib.metadata.PackageNotFoundError: No package")
