"""`::: laboratory LANGUAGE, LOSS, OPTIMIZER, …`: several optimizers on one loss, in the browser.

The form, with every control in it, is written here; scripts bring it to life. The rules and the
losses that they run are printed from formulas.
"""

import json
import re
from pathlib import Path

from jinja2 import Environment, FileSystemLoader
from markdown import Markdown

from optimizers import OPTIMIZERS

from ..figures import address, drawings
from ..figures.svg import drawn
from ..figures.tables import folded
from ..locate import PageError, locate, page_path
from ..markdown.formulas import render
from ..names import colour_class, colour_number, module_name
from .losses import LOSSES
from .sliders import hyperparameters

# The words of the page, in English and in Persian. The scripts fill in what stands in braces.
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
    "numbers": {"en": "The same in numbers", "fa": "همین اجرا به عدد"},
    "optimizer": {"en": "Optimizer", "fa": "بهینه‌ساز"},
    "step": {"en": "Step", "fa": "گام"},
    "reset": {"en": "Start over", "fa": "از نو"},
    "png": {"en": "Picture (PNG)", "fa": "تصویر (PNG)"},
    "csv": {"en": "Table (CSV)", "fa": "جدول (CSV)"},
    "python": {"en": "Python", "fa": "Python"},
    "save": {"en": "Take it with you:", "fa": "ذخیرهٔ نتیجه:"},
    "of": {"en": "{t} of {steps}", "fa": "{t} از {steps}"},
    "said": {
        "en": "Iteration {t}. Lowest loss: {name}, {loss}.",
        "fa": "تکرار {t}. کمترین هزینه: {name}، {loss}.",
    },
    "diverged": {
        "en": "{name} diverges at iteration {t}.",
        "fa": "{name} در تکرار {t} واگرا می‌شود.",
    },
    "undefined": {
        "en": "{name} ends before iteration {t}, where it would divide by zero.",
        "fa": "{name} پیش از تکرار {t} پایان می‌یابد، چون در آن باید بر صفر تقسیم کند.",
    },
    "stop": {"en": "Stop", "fa": "توقف محاسبه"},
    "computing": {
        "en": "Computing: iteration {t} of {steps}.",
        "fa": "در حال محاسبه: تکرار {t} از {steps}.",
    },
    "stopped": {
        "en": "Stopped: {t} of {steps} iterations were computed.",
        "fa": "محاسبه متوقف شد: {t} تکرار از {steps} تکرار محاسبه شده است.",
    },
    "unknown": {
        "en": "The address asks for “{what}”, which is not here.",
        "fa": "در نشانی «{what}» آمده است که اینجا نیست.",
    },
    "beyond": {
        "en": "The address asks for “{what}”, which is left out: it goes from {least} to {most}.",
        "fa": "در نشانی «{what}» آمده است که نادیده گرفته شد: این مقدار از {least} تا {most} است.",
    },
    "twice": {
        "en": "The address names {name} twice; it runs once.",
        "fa": "نام {name} دو بار در نشانی آمده است؛ یک بار اجرا می‌شود.",
    },
    "wants": {
        "en": "{what}: a number from {least} to {most} is wanted; {kept} stays.",
        "fa": "{what}: عددی از {least} تا {most} لازم است؛ {kept} می‌ماند.",
    },
    "angle": {"en": "Turned by", "fa": "زاویهٔ چرخش"},
    "folder": {
        "en": (
            "The laboratory does not run here: this page was opened from a folder, and from there "
            "browsers do not load the modules that it is made of. In the folder that holds the "
            "site, run the command below, then open the address. The figure shows one run."
        ),
        "fa": (
            "آزمایشگاه اینجا کار نمی‌کند: این صفحه از یک پوشه باز شده است و مرورگرها از پوشه "
            "ماژول‌های آن را بار نمی‌کنند. در پوشه‌ای که سایت در آن است فرمان زیر را اجرا کنید و "
            "سپس نشانی را باز کنید. شکل یکی از اجراها را نشان می‌دهد."
        ),
    },
    "off": {"en": "off", "fa": "خاموش"},
}


def laboratory(md: Markdown, argument: str, body: list[str]) -> list[str]:
    """Return a figure for those without scripts, the form, and the data that the scripts need.

    Args:
        md: the page.
        argument: the language, "en" or "fa"; the loss that it opens with; the optimizers.
        body: what the figure shows, for those who do not see it; it names each optimizer.

    Raises:
        PageError: one of these is missing or unknown, or an optimizer is named twice or left out
            of the body.
    """
    where = locate(page_path(md), f"::: laboratory {argument}")
    language, loss, *names = argument.split(", ") if ", " in argument else ["", ""]
    text = " ".join(line.strip() for line in body if line.strip())
    try:
        address.known("language", language, ("en", "fa"))
        address.known("loss with a map", loss, address.losses_with_a_map())
        for name in names:
            address.known("optimizer", name, OPTIMIZERS)
        address.refuse_alike(names)
        if not names or not text:
            raise address.AddressError(
                "write `::: laboratory LANGUAGE, LOSS, OPTIMIZER, OPTIMIZER` and below it, "
                "indented, what the figure shows"
            )
        address.refuse_unnamed(names, text)
    except address.AddressError as error:
        raise PageError(f"{where}: {error}") from None
    words = {key: texts[language] for key, texts in WORDS.items()}
    svg, table = drawn(
        lambda: drawings.paths(
            names, {}, loss, LOSSES[loss].steps, words["begin"], words["minimum"]
        ),
        "laboratory",
        text,
    )
    table[0][0] = words["iteration"]
    table = folded(words["table"], table)
    page = f"{page_path(md).stem if page_path(md) else 'lab'}/"
    return form(page, language, words, loss, names, svg, text, table).splitlines()


def form(
    page: str,
    language: str,
    words: dict[str, str],
    opening: str,
    names: list[str],
    svg: str,
    caption: str,
    table: str,
) -> str:
    """Return the figure with its table, and the form before the reader touches it."""
    controls = {name: hyperparameters(name) for name in OPTIMIZERS}
    for_eyes = {"latex", "meanings"}  # the scripts do not need these
    data = {
        "words": words,
        "optimizers": {
            name: {
                "module": module_name(name),
                "hue": colour_number(name),
                "hyper": [
                    {k: v for k, v in hyper.items() if k not in for_eyes} for hyper in hypers
                ],
            }
            for name, hypers in controls.items()
        },
    }
    template = Environment(autoescape=True, loader=FileSystemLoader(Path(__file__).parent))
    text = template.get_template("form.html").render(
        page=page,
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
        colour_class=colour_class,
        render=render,
        symbol=symbol,
        data=json.dumps(data, ensure_ascii=False, separators=(",", ":")).replace("</", r"<\/"),
    )
    return re.sub(r"\n *", "\n", text)


def symbol(latex: str) -> str:
    """Return a symbol for the eye alone: its meaning stands beside it."""
    return f'<span class="lab-symbol" aria-hidden="true">{render(latex)}</span>'
