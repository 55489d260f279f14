# Imports one module and touches its lazy core, in a process of its own.
import importlib
import json
import logging
import resource
import sys
import time
import traceback
import warnings

cookie, name = sys.argv[1:3]
sys.argv = [name]


def installed(module):
    from importlib import util

    return util.find_spec(module) is not None


def core_of_torch(torch):
    torch.zeros(1)
    if installed("numpy"):
        torch.zeros(1).numpy()


def core_of_transformers(transformers):
    # `import transformers` never imports torch: a torch that can't load shows here and not there
    if installed("torch"):
        touch(transformers, "AutoModel", "BertModel", "AutoTokenizer")


def core_of_diffusers(diffusers):
    # Without torch none of its pipelines works, and `import diffusers` says nothing
    touch(diffusers, "DiffusionPipeline")


def touch(module, *attributes):
    """Raises where a lazy module gives out a placeholder for what it can't load."""
    for attribute in attributes:
        found = getattr(module, attribute)
        if type(found).__name__ == "DummyObject":
            found()  # raises, and says which backend is missing
            raise ImportError("%s.%s is a placeholder" % (module.__name__, attribute))


def core_of_tensorflow(tensorflow):
    tensorflow.constant([1.0]).numpy()


def core_of_onnxruntime(onnxruntime):
    onnxruntime.get_available_providers()
    onnxruntime.SessionOptions()


def core_of_jax(jax):
    jax.numpy.zeros(1)


def core_of_sentence_transformers(sentence_transformers):
    sentence_transformers.SentenceTransformer


class Heard(logging.Handler):
    def __init__(self):
        logging.Handler.__init__(self, logging.WARNING)
        self.texts = []

    def emit(self, record):
        self.texts.append("%s: %s" % (record.name, record.getMessage()))


def kept(texts):
    """Each text once, cut; of very many the first and the last, those of deprecation last of all.

    An error may hide in a warning, and behind any number of them."""
    # Half a surrogate pair is no text that JSON may hold
    plain = [text[:300].encode("utf-8", "replace").decode("utf-8") for text in texts]
    once = list(dict.fromkeys(plain))
    once.sort(key=lambda text: "DeprecationWarning: " in text or "FutureWarning: " in text)
    return once if len(once) <= 80 else once[:60] + once[-20:]


heard = Heard()
logging.getLogger().addHandler(heard)
result = {"name": name, "ok": True, "error": None, "version": None}
started = time.monotonic()
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("default")
    try:
        module = importlib.import_module(name)
        core = globals().get("core_of_" + name)
        if core:
            core(module)
        version = getattr(module, "__version__", None)
        result["version"] = str(version) if version is not None else None
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        result["ok"] = False
        result["error"] = "".join(traceback.format_exception_only(type(error), error)).strip()
        result["traceback"] = traceback.format_exc()[-4000:]
        cause = error.__cause__ or error.__context__
        if cause is not None and str(cause) not in result["error"]:
            result["error"] += (
                "\n" + "".join(traceback.format_exception_only(type(cause), cause)).strip()
            )
result["seconds"] = time.monotonic() - started
result["rss_bytes"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
result["warnings"] = kept(["%s: %s" % (w.category.__name__, w.message) for w in caught])
result["warnings"] += kept(heard.texts)
sys.stdout.write(cookie + json.dumps(result) + cookie[::-1] + "\n")
sys.stdout.flush()
