# Asks the CUDA driver and one framework for the GPU, each question in a process of its own: a
# wedged driver can hang its caller with the GIL held.
import ctypes
import json
import re
import sys

cookie, subject = sys.argv[1:3]

ERRORS = {  # CUresult of the driver API, cuda.h
    1: "CUDA_ERROR_INVALID_VALUE",
    2: "CUDA_ERROR_OUT_OF_MEMORY",
    3: "CUDA_ERROR_NOT_INITIALIZED",
    34: "CUDA_ERROR_STUB_LIBRARY",
    36: "CUDA_ERROR_CALL_REQUIRES_NEWER_DRIVER",
    46: "CUDA_ERROR_DEVICE_UNAVAILABLE",
    100: "CUDA_ERROR_NO_DEVICE",
    803: "CUDA_ERROR_SYSTEM_DRIVER_MISMATCH",
    804: "CUDA_ERROR_COMPAT_NOT_SUPPORTED_ON_DEVICE",
    999: "CUDA_ERROR_UNKNOWN",
}


def ask_driver():
    """Devices by the CUDA driver API, and the kernel driver's version by /proc."""
    result = {"driver": None, "devices": [], "error": None}
    try:
        with open("/proc/driver/nvidia/version") as file:
            found = re.search(r"NVRM version:.*?\s(\d+\.\d+(?:\.\d+)?)\s", file.read())
            result["driver"] = found.group(1) if found else None
    except OSError:
        pass
    try:
        cuda = ctypes.CDLL("libcuda.so.1")
    except OSError as error:
        result["error"] = "libcuda.so.1 can't be loaded: %s" % error
        return result
    code = cuda.cuInit(0)
    if code:
        result["error"] = "cuInit gives error %d %s" % (code, ERRORS.get(code, "(no name)"))
        return result
    count = ctypes.c_int()
    cuda.cuDeviceGetCount(ctypes.byref(count))
    result["devices"] = [device(cuda, index) for index in range(count.value)]
    return result


def device(cuda, index):
    handle, name, memory = ctypes.c_int(), ctypes.create_string_buffer(256), ctypes.c_size_t()
    cuda.cuDeviceGet(ctypes.byref(handle), index)
    cuda.cuDeviceGetName(name, 256, handle)
    cuda.cuDeviceTotalMem_v2(ctypes.byref(memory), handle)
    parts = []
    for attribute in (75, 76):  # CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR, _MINOR
        value = ctypes.c_int()
        cuda.cuDeviceGetAttribute(ctypes.byref(value), attribute, handle)
        parts.append(str(value.value))
    text = name.value.decode("utf-8", "replace")
    return {"name": text, "capability": ".".join(parts), "memory_bytes": memory.value}


def ask_torch():
    import torch

    result = framework("torch", torch.__version__, torch.version.cuda, architectures_of(torch))
    return seeing(
        result, torch.cuda.is_available, lambda: torch.cuda.init(), lambda: run_torch(torch)
    )


def architectures_of(torch):
    """What it has code for; get_arch_list() says nothing where no device is seen."""
    flags = getattr(torch._C, "_cuda_getArchFlags", None)
    return (flags() or "").split() if flags and torch.version.cuda else []


def run_torch(torch):
    value = (torch.arange(8.0, device="cuda") * 2).sum().item()
    if value != 56.0:
        raise ArithmeticError("the kernel gave %r, not 56.0" % value)


def ask_tensorflow():
    import tensorflow

    build = tensorflow.sysconfig.get_build_info()
    result = framework("tensorflow", tensorflow.__version__, build.get("cuda_version"), [])

    def run():
        with tensorflow.device("/GPU:0"):
            tensorflow.reduce_sum(tensorflow.range(8.0) * 2).numpy()

    return seeing(result, lambda: bool(tensorflow.config.list_physical_devices("GPU")), None, run)


def ask_jax():
    import jax

    result = framework("jax", jax.__version__, cuda_of_jax(), [])

    def sees():
        return bool(jax.devices("gpu"))  # raises where there is none

    def run():
        jax.device_put(jax.numpy.arange(8.0), jax.devices("gpu")[0]).sum().block_until_ready()

    return seeing(result, sees, None, run)


def cuda_of_jax():
    """The CUDA that it is built for, by its plugin: "12" of jax-cuda12-plugin; None: a CPU build."""
    from importlib import metadata  # Python 3.8 and newer, as any jax that has plugins

    for found in metadata.distributions():
        name = re.sub(r"[-_.]+", "-", str(found.metadata["Name"])).lower()
        plugin = re.match(r"jax-cuda(\d+)-plugin$", name)
        local = re.search(r"\+cuda(\d{2})", str(found.version)) if name == "jaxlib" else None
        if plugin or local:
            return (plugin or local).group(1)
    return None


def framework(name, version, cuda, architectures):
    return {
        "name": name,
        "version": str(version),
        "cuda": cuda,
        "architectures": list(architectures),
        "sees": False,
        "kernel_ran": False,
        "error": None,
    }


def seeing(result, sees, why_not, run):
    try:
        result["sees"] = bool(sees())
        if not result["sees"] and why_not:
            why_not()
        if result["sees"]:
            run()
            result["kernel_ran"] = True
    except Exception as error:
        result["error"] = "%s: %s" % (type(error).__name__, error)
    return result


answer = globals()["ask_" + subject]()
sys.stdout.write(cookie + json.dumps(answer) + cookie[::-1] + "\n")
sys.stdout.flush()
