import math

print("β       1 / (1 − β)   what they hold   half is newer than")
for beta in (0.9, 0.95, 0.99, 0.999, 0.9999):
    steps = round(1 / (1 - beta))
    held = 1 - beta**steps  # what the newest n gradients weigh together: 1 − βⁿ
    half = math.log(0.5) / math.log(beta)
    print(f"{beta:<6}  {steps:11,}   {held:14.0%}   {half:18,.0f}")
