r"""The symbols of the formulas: what each means and what it is called in the code.

One literal table; the reader accepts no symbol that it lacks, and the page of symbols prints it.
A symbol may have several rows: what it is called, and what it is, depends on the optimizer.

Example:
    >>> symbol = next(row for row in SYMBOLS if row.latex == r"\beta_2")
    >>> symbol.code, symbol.kind, symbol.meaning
    ('betas[1]', 'hyper-parameter', 'decay rate of the second average, mostly that of the second moment')
"""

from collections.abc import Iterable
from typing import NamedTuple


class Symbol(NamedTuple):
    """One row of the table.

    Args:
        latex: the symbol as formulas write it.
        code: its name in the NumPy step and the PyTorch class.
        kind: one of `KINDS`.
        meaning: what it means, in plain English.
        fa: the same in Persian.
        of: the parameter that it belongs to; empty for what all parameters share.
    """

    latex: str
    code: str
    kind: str
    meaning: str
    fa: str
    of: str = ""


# Each kind with its name in Persian. A `matrix` is an intermediate whose products are those of
# matrices, a `size` is one of the parameter's. A `group` speaks of several symbols at once, in
# prose only.
KINDS = {
    "parameter": "پارامتر",
    "gradient": "گرادیان",
    "state": "حالت",
    "intermediate": "مقدار میانی",
    "matrix": "ماتریس",
    "size": "اندازه",
    "hyper-parameter": "ابرپارامتر",
    "iteration": "تکرار",
    "group": "نام گروهی",
}

# fmt: off
SYMBOLS = (
    Symbol("W", "param", "parameter", "weights, the parameter that is learned", "وزن‌ها؛ پارامتری که آموخته می‌شود", "W"),
    Symbol("b", "param", "parameter", "bias, learned by the same rule as the weights", "بایاس؛ با همان قاعدهٔ وزن‌ها آموخته می‌شود", "b"),
    Symbol("dW", "grad", "gradient", "gradient of the loss with respect to the weights", "گرادیان تابع هزینه نسبت به وزن‌ها", "W"),
    Symbol("db", "grad", "gradient", "gradient of the loss with respect to the bias", "گرادیان تابع هزینه نسبت به بایاس", "b"),
    Symbol(r"\Pi", "mu_product", "state", "product of all shares of momentum so far, one number for all weights", "حاصل‌ضرب همهٔ سهم‌های تکانه تا اینجا؛ یک عدد برای همهٔ وزن‌ها"),
    Symbol("V_{dw}", "exp_avg", "state", "first moment: moving average of the gradients of the weights", "گشتاور اول: میانگین متحرک گرادیان‌های وزن‌ها", "W"),
    Symbol("V_{db}", "exp_avg", "state", "first moment: moving average of the gradients of the bias", "گشتاور اول: میانگین متحرک گرادیان‌های بایاس", "b"),
    Symbol("V_{dw}", "momentum_buffer", "state", "momentum: sum of the gradients of the weights, older ones weaker", "تکانه: مجموع گرادیان‌های وزن‌ها؛ هرچه قدیمی‌تر، کم‌اثرتر", "W"),
    Symbol("V_{db}", "momentum_buffer", "state", "momentum: sum of the gradients of the bias, older ones weaker", "تکانه: مجموع گرادیان‌های بایاس؛ هرچه قدیمی‌تر، کم‌اثرتر", "b"),
    Symbol("S_{dw}", "exp_avg_sq", "state", "second moment: moving average of the squared gradients of the weights", "گشتاور دوم: میانگین متحرک مربع گرادیان‌های وزن‌ها", "W"),
    Symbol("S_{db}", "exp_avg_sq", "state", "second moment: moving average of the squared gradients of the bias", "گشتاور دوم: میانگین متحرک مربع گرادیان‌های بایاس", "b"),
    Symbol("S_{dw}", "square_avg", "state", "moving average of the squared gradients of the weights", "میانگین متحرک مربع گرادیان‌های وزن‌ها", "W"),
    Symbol("S_{db}", "square_avg", "state", "moving average of the squared gradients of the bias", "میانگین متحرک مربع گرادیان‌های بایاس", "b"),
    Symbol("S_{dw}", "sum", "state", "sum of all squared gradients of the weights so far", "مجموع مربع همهٔ گرادیان‌های وزن‌ها تا اینجا", "W"),
    Symbol("S_{db}", "sum", "state", "sum of all squared gradients of the bias so far", "مجموع مربع همهٔ گرادیان‌های بایاس تا اینجا", "b"),
    Symbol("S_{dw}", "exp_avg_var", "state", "moving average of the squared distances of the gradients of the weights from their average", "میانگین متحرک مربع فاصلهٔ گرادیان‌های وزن‌ها از میانگینشان", "W"),
    Symbol("S_{db}", "exp_avg_var", "state", "moving average of the squared distances of the gradients of the bias from their average", "میانگین متحرک مربع فاصلهٔ گرادیان‌های بایاس از میانگینشان", "b"),
    Symbol(r"S_{dw}^{\text{max}}", "max_exp_avg_sq", "state", "largest value so far of the second moment of the weights", "بزرگ‌ترین مقدار گشتاور دوم وزن‌ها تا اینجا", "W"),
    Symbol(r"S_{db}^{\text{max}}", "max_exp_avg_sq", "state", "largest value so far of the second moment of the bias", "بزرگ‌ترین مقدار گشتاور دوم بایاس تا اینجا", "b"),
    Symbol("U_{dw}", "acc_delta", "state", "moving average of the squared steps of the weights", "میانگین متحرک مربع گام‌های وزن‌ها", "W"),
    Symbol("U_{db}", "acc_delta", "state", "moving average of the squared steps of the bias", "میانگین متحرک مربع گام‌های بایاس", "b"),
    Symbol("U_{dw}", "exp_inf", "state", "size of the largest gradient of the weights, older ones weaker", "اندازهٔ بزرگ‌ترین گرادیان وزن‌ها؛ هرچه قدیمی‌تر، کم‌اثرتر", "W"),
    Symbol("U_{db}", "exp_inf", "state", "size of the largest gradient of the bias, older ones weaker", "اندازهٔ بزرگ‌ترین گرادیان بایاس؛ هرچه قدیمی‌تر، کم‌اثرتر", "b"),
    Symbol("D_{dw}", "exp_avg_diff", "state", "moving average of the changes of the gradients of the weights", "میانگین متحرک تغییر گرادیان‌های وزن‌ها", "W"),
    Symbol("D_{db}", "exp_avg_diff", "state", "moving average of the changes of the gradients of the bias", "میانگین متحرک تغییر گرادیان‌های بایاس", "b"),
    Symbol("G_{dw}", "pre_grad", "state", "gradient of the weights in the last iteration", "گرادیان وزن‌ها در تکرار پیشین", "W"),
    Symbol("G_{db}", "pre_grad", "state", "gradient of the bias in the last iteration", "گرادیان بایاس در تکرار پیشین", "b"),
    Symbol("G_{dw}", "prev", "state", "last gradient of the weights, 0 where its sign had changed", "گرادیان پیشین وزن‌ها؛ اگر علامتش عوض شده بود صفر", "W"),
    Symbol("G_{db}", "prev", "state", "last gradient of the bias, 0 where its sign had changed", "گرادیان پیشین بایاس؛ اگر علامتش عوض شده بود صفر", "b"),
    Symbol("H_{dw}", "step_size", "state", "step size of each of the weights", "اندازهٔ گام هر یک از وزن‌ها", "W"),
    Symbol("H_{db}", "step_size", "state", "step size of each element of the bias", "اندازهٔ گام هر درایهٔ بایاس", "b"),
    Symbol(r"\mu^{\text{now}}", "mu", "intermediate", "share of momentum in this iteration", "سهم تکانه در این تکرار"),
    Symbol(r"\mu^{\text{next}}", "mu_next", "intermediate", "share of momentum in the next iteration", "سهم تکانه در تکرار بعدی"),
    Symbol(r"\rho_{\infty}", "rho_inf", "intermediate", "how many gradients the second moment averages in the long run, 5 if fewer", "تعداد گرادیان‌هایی که گشتاور دوم در درازمدت از آن‌ها میانگین می‌گیرد؛ اگر کمتر باشد ۵"),
    Symbol(r"\rho", "rho_t", "intermediate", "how many gradients the second moment averages by now, 5 if fewer", "تعداد گرادیان‌هایی که گشتاور دوم تاکنون از آن‌ها میانگین گرفته است؛ اگر کمتر باشد ۵"),
    Symbol("k", "rectified", "intermediate", "1 once there are gradients enough to divide by their root mean square, else 0", "اگر گرادیان‌ها برای تقسیم بر ریشهٔ میانگین مربعشان کافی باشند ۱، وگرنه ۰"),
    Symbol("r", "rect", "intermediate", "rectification: shortens the step while the second moment is unsure", "ضریب اصلاح؛ تا وقتی گشتاور دوم نامطمئن است گام را کوتاه می‌کند"),
    Symbol(r"V_{dw}^{\text{corrected}}", "exp_avg_corrected", "intermediate", "first moment of the weights, corrected for its start at zero", "گشتاور اول وزن‌ها پس از تصحیح اثر شروع از صفر", "W"),
    Symbol(r"V_{db}^{\text{corrected}}", "exp_avg_corrected", "intermediate", "first moment of the bias, corrected for its start at zero", "گشتاور اول بایاس پس از تصحیح اثر شروع از صفر", "b"),
    Symbol(r"S_{dw}^{\text{corrected}}", "exp_avg_sq_corrected", "intermediate", "second moment of the weights, corrected for its start at zero", "گشتاور دوم وزن‌ها پس از تصحیح اثر شروع از صفر", "W"),
    Symbol(r"S_{db}^{\text{corrected}}", "exp_avg_sq_corrected", "intermediate", "second moment of the bias, corrected for its start at zero", "گشتاور دوم بایاس پس از تصحیح اثر شروع از صفر", "b"),
    Symbol(r"S_{dw}^{\text{corrected}}", "exp_avg_var_corrected", "intermediate", "average of the squared distances for the weights, corrected for its start at zero", "میانگین مربع فاصله‌ها برای وزن‌ها پس از تصحیح اثر شروع از صفر", "W"),
    Symbol(r"S_{db}^{\text{corrected}}", "exp_avg_var_corrected", "intermediate", "average of the squared distances for the bias, corrected for its start at zero", "میانگین مربع فاصله‌ها برای بایاس پس از تصحیح اثر شروع از صفر", "b"),
    Symbol(r"D_{dw}^{\text{corrected}}", "exp_avg_diff_corrected", "intermediate", "average change of the gradients of the weights, corrected for its start at zero", "میانگین تغییر گرادیان‌های وزن‌ها پس از تصحیح اثر شروع از صفر", "W"),
    Symbol(r"D_{db}^{\text{corrected}}", "exp_avg_diff_corrected", "intermediate", "average change of the gradients of the bias, corrected for its start at zero", "میانگین تغییر گرادیان‌های بایاس پس از تصحیح اثر شروع از صفر", "b"),
    Symbol(r"dW^{\text{clipped}}", "normed_grad", "intermediate", "gradient of the weights, normalized and clipped", "گرادیان وزن‌ها پس از نرمال‌سازی و برش", "W"),
    Symbol(r"db^{\text{clipped}}", "normed_grad", "intermediate", "gradient of the bias, normalized and clipped", "گرادیان بایاس پس از نرمال‌سازی و برش", "b"),
    Symbol(r"\Delta_{dw}", "delta", "intermediate", "step of the weights, before the learning rate", "گام وزن‌ها پیش از ضرب در نرخ یادگیری", "W"),
    Symbol(r"\Delta_{db}", "delta", "intermediate", "step of the bias, before the learning rate", "گام بایاس پیش از ضرب در نرخ یادگیری", "b"),
    Symbol(r"\Delta_{dw}", "grad_diff", "intermediate", "change of the gradient of the weights since the last iteration", "تغییر گرادیان وزن‌ها از تکرار پیشین تا اینجا", "W"),
    Symbol(r"\Delta_{db}", "grad_diff", "intermediate", "change of the gradient of the bias since the last iteration", "تغییر گرادیان بایاس از تکرار پیشین تا اینجا", "b"),
    Symbol("r_{dw}", "trust_ratio", "intermediate", "trust ratio of the weights: length of the weights by length of the step or the gradient", "نسبت اعتماد وزن‌ها: طول وزن‌ها تقسیم بر طول گام یا گرادیان", "W"),
    Symbol("r_{db}", "trust_ratio", "intermediate", "trust ratio of the bias: length of the bias by length of the step or the gradient", "نسبت اعتماد بایاس: طول بایاس تقسیم بر طول گام یا گرادیان", "b"),
    Symbol("F_{dw}", "factor", "intermediate", "by what the step sizes of the weights are multiplied", "ضریبی که اندازهٔ گام وزن‌ها در آن ضرب می‌شود", "W"),
    Symbol("F_{db}", "factor", "intermediate", "by what the step sizes of the bias are multiplied", "ضریبی که اندازهٔ گام بایاس در آن ضرب می‌شود", "b"),
    Symbol(r"V_{dw}^{\text{ahead}}", "ahead", "intermediate", "first moment of the weights one iteration ahead, corrected", "گشتاور اول وزن‌ها یک تکرار جلوتر، پس از تصحیح", "W"),
    Symbol(r"V_{db}^{\text{ahead}}", "ahead", "intermediate", "first moment of the bias one iteration ahead, corrected", "گشتاور اول بایاس یک تکرار جلوتر، پس از تصحیح", "b"),
    Symbol("X", "update", "matrix", "direction of the step, a matrix of the shape of the weights", "جهت گام؛ ماتریسی هم‌شکل وزن‌ها", "W"),
    Symbol("A", "gram", "matrix", "products of the rows of X with each other", "حاصل‌ضرب‌های داخلی سطرهای X با یکدیگر", "W"),
    Symbol("V", "exp_avg", "group", "first moments, of the weights and of the bias", "گشتاورهای اول وزن‌ها و بایاس"),
    Symbol("V", "momentum_buffer", "group", "momenta, of the weights and of the bias", "تکانه‌های وزن‌ها و بایاس"),
    Symbol("S", "exp_avg_sq", "group", "second moments, of the weights and of the bias", "گشتاورهای دوم وزن‌ها و بایاس"),
    Symbol("S", "square_avg", "group", "averages of the squared gradients, of the weights and of the bias", "میانگین‌های مربع گرادیان‌ها برای وزن‌ها و بایاس"),
    Symbol("S", "sum", "group", "sums of the squared gradients, of the weights and of the bias", "مجموع‌های مربع گرادیان‌ها برای وزن‌ها و بایاس"),
    Symbol("U", "acc_delta", "group", "averages of the squared steps, of the weights and of the bias", "میانگین‌های مربع گام‌ها برای وزن‌ها و بایاس"),
    Symbol(r"\alpha", "lr", "hyper-parameter", "learning rate", "نرخ یادگیری"),
    Symbol(r"\beta_1", "betas[0]", "hyper-parameter", "decay rate of the first moment", "ضریب فراموشی گشتاور اول"),
    Symbol(r"\beta_2", "betas[1]", "hyper-parameter", "decay rate of the second average, mostly that of the second moment", "ضریب فراموشی میانگین دوم که معمولاً گشتاور دوم است"),
    Symbol(r"\beta_3", "betas[2]", "hyper-parameter", "decay rate of the third average", "ضریب فراموشی میانگین سوم"),
    Symbol(r"\beta_2", "alpha", "hyper-parameter", "decay rate of the average of squared gradients", "ضریب فراموشی میانگین مربع گرادیان‌ها"),
    Symbol(r"\beta_2", "rho", "hyper-parameter", "decay rate of both averages, of squared gradients and of squared steps", "ضریب فراموشی هر دو میانگین: مربع گرادیان‌ها و مربع گام‌ها"),
    Symbol(r"\mu", "momentum", "hyper-parameter", "share of the momentum that is kept in each iteration", "سهمی از تکانه که در هر تکرار نگه داشته می‌شود"),
    Symbol(r"\epsilon", "eps", "hyper-parameter", "small number that keeps a divisor away from zero", "عددی کوچک که نمی‌گذارد مخرج صفر شود"),
    Symbol(r"\lambda", "weight_decay", "hyper-parameter", "strength of weight decay", "شدت کاهش وزن (weight decay)"),
    Symbol(r"\eta", "trust_coefficient", "hyper-parameter", "share of the weights' length that a step may have", "سهمی از طول وزن‌ها که طول گام می‌تواند باشد"),
    Symbol(r"\eta_1", "etas[0]", "hyper-parameter", "by what a step size shrinks when the gradient changes its sign", "ضریب کوچک‌شدن اندازهٔ گام وقتی علامت گرادیان عوض می‌شود"),
    Symbol(r"\eta_2", "etas[1]", "hyper-parameter", "by what a step size grows while the gradient keeps its sign", "ضریب بزرگ‌شدن اندازهٔ گام تا وقتی علامت گرادیان عوض نشده است"),
    Symbol(r"\gamma_1", "step_sizes[0]", "hyper-parameter", "least step size", "کوچک‌ترین اندازهٔ گام"),
    Symbol(r"\gamma_2", "step_sizes[1]", "hyper-parameter", "greatest step size", "بزرگ‌ترین اندازهٔ گام"),
    Symbol(r"\delta", "decouple", "hyper-parameter", "1 if weight decay is decoupled from the gradient, else 0", "اگر کاهش وزن از گرادیان جدا باشد ۱، وگرنه ۰"),
    Symbol(r"\psi", "momentum_decay", "hyper-parameter", "how fast the share of momentum grows to its full size", "سرعت رسیدن سهم تکانه به اندازهٔ کامل خود"),
    Symbol("c", "clip_exp", "hyper-parameter", "exponent of the bound of clipping, which is t to this power", "توان کران برش؛ کران برابر t به توان این عدد است"),
    Symbol("a_1", "ns_coefficients[0]", "hyper-parameter", "Newton–Schulz coefficient of a singular value", "ضریب خود مقدار تکین در روش نیوتون–شولتس"),
    Symbol("a_3", "ns_coefficients[1]", "hyper-parameter", "Newton–Schulz coefficient of its third power", "ضریب توان سوم مقدار تکین در روش نیوتون–شولتس"),
    Symbol("a_5", "ns_coefficients[2]", "hyper-parameter", "Newton–Schulz coefficient of its fifth power", "ضریب توان پنجم مقدار تکین در روش نیوتون–شولتس"),
    Symbol("K", "ns_steps", "hyper-parameter", "number of Newton–Schulz iterations in one step", "تعداد تکرارهای نیوتون–شولتس در هر گام"),
    Symbol(r"n_{\text{rows}}", "rows", "size", "number of rows of the weights, which is the number of outputs of a layer", "تعداد سطرهای وزن‌ها که همان تعداد خروجی‌های لایه است"),
    Symbol(r"n_{\text{columns}}", "columns", "size", "number of columns of the weights, which is the number of inputs of a layer", "تعداد ستون‌های وزن‌ها که همان تعداد ورودی‌های لایه است"),
    Symbol("t", "step", "iteration", "number of the iteration, from 1", "شمارهٔ تکرار که از ۱ آغاز می‌شود"),
)
# fmt: on


def symbols_for(names: Iterable[str] = ()) -> tuple[Symbol, ...]:
    r"""The table with one row for each symbol.

    Args:
        names: the names in the code of states, hyper-parameters and intermediates. A symbol with
            several rows gets the row whose name is among them, else its first row.

    Returns:
        The rows, in the order of `SYMBOLS`.

    Example:
        >>> for names in ((), ("momentum_buffer",)):
        ...     print(*[row.code for row in symbols_for(names) if row.latex == "V_{dw}"])
        exp_avg
        momentum_buffer
    """
    chosen: dict[str, Symbol] = {}
    known = set(names)
    for symbol in SYMBOLS:
        if symbol.latex not in chosen or symbol.code in known:
            chosen[symbol.latex] = symbol
    return tuple(chosen.values())
