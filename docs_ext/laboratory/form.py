"""`::: laboratory LOSS OPTIMIZER …`: several optimizers on one loss, run in the reader's browser.

What runs there is printed from what was read: the rules from the optimizers' formulas, the losses
from theirs. The form, with every control in it, is written here; scripts bring it to life.
"""

import functools
import json
import re
from pathlib import Path

from jinja2 import Environment, FileSystemLoader
from markdown import Markdown

from optimizers import OPTIMIZERS
from optimizers.formula import printers, rule_of

from . import figures
from .losses import LOSSES, Loss, printed, variables
from .math import render
from .new import slug
from .source import PageError, locate, page_path
from .varieties import hue

# What the page says, in English and in Persian. What is in braces is filled in by the scripts.
WORDS = {
    "loss": {"en": "Loss", "fa": "تابع هزینه"},
    "optimizers": {"en": "Optimizers", "fa": "بهینه‌سازها"},
    "start": {"en": "Start", "fa": "نقطهٔ شروع"},
    "begin": {"en": "start", "fa": "شروع"},
    "minimum": {"en": "minimum", "fa": "کمینه"},
    "table": {
        "en": "As a table: W, b at some iterations",
        "fa": "به‌صورت جدول: W، b در چند تکرار",
    },
    "steps": {"en": "Iterations", "fa": "تعداد تکرار"},
    "seed": {"en": "Seed of the noise", "fa": "بذر نوفه"},
    "map": {
        "en": "Map of the loss. Click where all shall start, or use the arrow keys.",
        "fa": "نقشهٔ تابع هزینه. برای انتخاب نقطهٔ شروع کلیک کنید یا کلیدهای جهت‌نما را به کار ببرید.",
    },
    "losses": {"en": "Loss", "fa": "هزینه"},
    "lengths": {
        "en": "Effective step size: length of each step",
        "fa": "اندازهٔ مؤثر گام: طول هر گام",
    },
    "play": {"en": "Play", "fa": "پخش"},
    "pause": {"en": "Pause", "fa": "توقف"},
    "back": {"en": "One step back", "fa": "یک گام به عقب"},
    "forward": {"en": "One step forward", "fa": "یک گام به جلو"},
    "iteration": {"en": "Iteration", "fa": "تکرار"},
    "settings": {"en": "Hyper-parameters", "fa": "ابرپارامترها"},
    "numbers": {"en": "The same in numbers", "fa": "همین، به عدد"},
    "optimizer": {"en": "Optimizer", "fa": "بهینه‌ساز"},
    "step": {"en": "Step", "fa": "گام"},
    "reset": {"en": "Start over", "fa": "از نو"},
    "png": {"en": "Picture (PNG)", "fa": "تصویر (PNG)"},
    "csv": {"en": "Table (CSV)", "fa": "جدول (CSV)"},
    "python": {"en": "Python", "fa": "Python"},
    "save": {"en": "Take it with you:", "fa": "برداشتن نتیجه:"},
    "of": {"en": "{t} of {steps}", "fa": "{t} از {steps}"},
    "said": {
        "en": "Iteration {t}. Lowest loss: {name}, {loss}.",
        "fa": "تکرار {t}. کمترین هزینه: {name}، {loss}.",
    },
    "diverged": {
        "en": "{name} diverges at iteration {t}.",
        "fa": "{name} در تکرار {t} واگرا می‌شود.",
    },
    "unknown": {
        "en": "The address asks for “{what}”, which is not here.",
        "fa": "در نشانی «{what}» آمده است که اینجا نیست.",
    },
    "off": {"en": "off", "fa": "خاموش"},
}
# How a slider maps to values, by the symbol; other symbols go by their default.
SCALES = {
    r"\alpha": {"scale": "log", "min": 1e-4, "max": 10},
    r"\epsilon": {"scale": "log", "min": 1e-10, "max": 1},
    r"\lambda": {"scale": "log", "min": 1e-4, "max": 1},
    # At the end of the slider nothing is clipped.
    "c": {"scale": "linear", "min": 0, "max": 1, "none": True},
    # Evenly in the logarithm of 1 - β, from 0 to 0.9999.
    r"\beta_1": {"scale": "decay", "max": 4},
    r"\beta_2": {"scale": "decay", "max": 4},
    r"\mu": {"scale": "decay", "max": 4},
}


def scale(latex: str, default) -> dict:
    r"""How a hyper-parameter's slider maps to its values.

    Example:
        >>> scale(r"\delta", False), scale("k", 3.0)["max"]
        ({'scale': 'flag'}, 7.0)
    """
    if isinstance(default, bool):
        return {"scale": "flag"}
    if latex in SCALES:
        return SCALES[latex]
    if isinstance(default, int):
        return {"scale": "count", "max": 2 * default + 1}
    if default < 0:
        return {"scale": "linear", "min": 2 * default - 1, "max": 0}
    return {"scale": "linear", "min": 0, "max": 1 if default <= 1 else 2 * default + 1}


def hyperparameters(name: str) -> list[dict]:
    """The hyper-parameters of an optimizer's formula, as the sliders and the scripts need them.

    Args:
        name: the optimizer.

    Returns:
        For each: `key`, its name in the code and in the address; its symbol, meanings, default
        and scale.

    Example:
        >>> [(one["key"], one["default"]) for one in hyperparameters("Adam")][:3]
        [('lr', 0.001), ('betas.0', 0.9), ('betas.1', 0.999)]
    """
    rule, found = rule_of(name), []
    order = {option: place for place, option in enumerate(rule.hyperparameters)}
    for symbol in rule.symbols.values():
        if symbol.kind != "hyper-parameter":
            continue
        option, _, index = symbol.code.rstrip("]").partition("[")
        default = rule.defaults[option]
        default = default[int(index)] if index else default
        found.append(
            {
                "key": f"{option}.{index}" if index else option,
                "latex": symbol.latex,
                "meanings": {"en": symbol.meaning, "fa": symbol.fa},
                "default": default,
                **scale(symbol.latex, default),
            }
        )
    return sorted(found, key=lambda one: (order[one["key"].partition(".")[0]], one["key"]))


@functools.cache  # a changed module starts the server anew
def scripts() -> dict[str, str]:
    """Return the modules that a build prints: one for each optimizer, and one with the losses.

    Example:
        >>> "javascripts/rules/adam.js" in scripts()
        True
    """
    files = {
        f"javascripts/rules/{slug(name)}.js": rule_of(name).javascript() for name in OPTIMIZERS
    }
    lines = [f"  {key}: {loss_script(loss)}," for key, loss in LOSSES.items()]
    files["javascripts/lab/losses.js"] = "\n".join(["export const losses = {", *lines, "};", ""])
    return files


def loss_script(loss: Loss) -> str:
    """A loss as a JavaScript object: its functions, and the Python that a reader may take away."""
    mean, slopes = printed(loss, printers.JavaScript)
    python_mean, python_slopes = printed(loss, printers.Python)
    data = {
        "names": variables(loss),
        "view": loss.view,
        "start": loss.start,
        "minima": loss.minima,
        "lr": loss.lr,
        "steps": loss.steps,
        "box": loss.box,
        "noisy": bool(loss.mean),
        "python": {"mean": python_mean, "slopes": python_slopes},
    }
    plain = json.dumps(data, separators=(",", ":"))[1:-1]
    at = f"[{', '.join(variables(loss))}]"
    return f"{{{plain}, mean: ({at}) => {mean}, gradient: ({at}, [u, v]) => [{', '.join(slopes)}]}}"


def laboratory(md: Markdown, argument: str, body: list[str]) -> list[str]:
    """The laboratory: a figure for those without scripts, the form, and what the scripts need.

    Args:
        md: the page.
        argument: the language, "en" or "fa"; the loss that it opens with; the optimizers.
        body: what the figure shows, for those who do not see it.

    Raises:
        PageError: one of these is missing or unknown.
    """
    where = locate(page_path(md), f"::: laboratory {argument}")
    language, loss, *names = argument.split(", ") if ", " in argument else ["", ""]
    maps = [key for key in LOSSES if len(variables(LOSSES[key])) == 2]
    known = [("language", language, ("en", "fa")), ("loss with a map", loss, maps)]
    known += [("optimizer", name, OPTIMIZERS) for name in names]
    for kind, value, there in known:
        if value not in there:
            raise PageError(f"{where}: no {kind} `{value}`; there are: {', '.join(there)}")
    text = " ".join(line.strip() for line in body if line.strip())
    if not names or not text:
        raise PageError(
            f"{where}: write `::: laboratory LANGUAGE, LOSS, OPTIMIZER, OPTIMIZER` and below it, "
            "indented, what the figure shows"
        )
    words = {key: said[language] for key, said in WORDS.items()}
    svg, table = figures.drawn(
        lambda: figures.paths(
            names, {}, loss, LOSSES[loss].steps, words["begin"], words["minimum"]
        ),
        "laboratory",
        text,
    )
    table[0][0] = words["iteration"]
    table = figures.folded(words["table"], table)
    return form(language, words, loss, names, svg, text, table).splitlines()


def form(
    language: str,
    words: dict[str, str],
    opening: str,
    names: list[str],
    svg: str,
    caption: str,
    table: str,
) -> str:
    """The figure with its table, and the form as it stands before the reader touches it."""
    controls = {name: hyperparameters(name) for name in OPTIMIZERS}
    told = {"latex", "meanings"}  # the scripts need not know
    data = {
        "words": words,
        "optimizers": {
            name: {
                "module": slug(name),
                "hue": figures.HUES[name],
                "hyper": [{k: v for k, v in one.items() if k not in told} for one in hypers],
            }
            for name, hypers in controls.items()
        },
    }
    template = Environment(autoescape=True, loader=FileSystemLoader(Path(__file__).parent))
    text = template.get_template("laboratory.html").render(
        language=language,
        direction="rtl" if language == "fa" else "ltr",
        words=words,
        titles={key: loss.fa if language == "fa" else loss.title for key, loss in LOSSES.items()},
        losses=LOSSES,
        opening=opening,
        optimizers=controls,
        names=names,
        svg=svg,
        caption=caption,
        table=table,
        hue=hue,
        render=render,
        symbol=symbol,
        data=json.dumps(data, ensure_ascii=False, separators=(",", ":")).replace("</", r"<\/"),
    )
    return re.sub(r"\n *", "\n", text)


def symbol(latex: str) -> str:
    """A symbol for the eye alone: beside it stands what it means."""
    drawn = render(latex).partition('<span class="katex-html"')
    return f'<span class="lab-symbol katex" dir="ltr" aria-hidden="true">{drawn[1]}{drawn[2]}'
