//! Functions of each value by itself.

/// A function of one value, some of them with further numbers.
#[derive(Debug, Clone, Copy)]
pub(super) enum Each {
    Plain(fn(f64) -> f64),
    Round,
    Clamp,
    ClampMin,
    ClampMax,
}

impl Each {
    /// The function of this name.
    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "round" => Self::Round,
            "clamp" => Self::Clamp,
            "clamp_min" => Self::ClampMin,
            "clamp_max" => Self::ClampMax,
            _ => Self::Plain(plain(name)?),
        })
    }

    /// What it makes of a value with the numbers that it was given; nothing when they leave no room for any.
    pub(super) fn apply(self, value: f64, numbers: &[f64]) -> Option<f64> {
        let number = |index: usize, otherwise| numbers.get(index).copied().unwrap_or(otherwise);
        Some(match self {
            Self::Plain(function) => function(value),
            Self::Round => round(value, number(0, 1.0)),
            Self::Clamp => {
                let (least, most) = (number(0, f64::NAN), number(1, f64::NAN));
                if most < least {
                    return None;
                }
                at_least(at_most(value, most), least)
            }
            Self::ClampMin => at_least(value, number(0, f64::NAN)),
            Self::ClampMax => at_most(value, number(0, f64::NAN)),
        })
    }
}

fn plain(name: &str) -> Option<fn(f64) -> f64> {
    Some(match name {
        "abs" => f64::abs,
        "ceil" => f64::ceil,
        "floor" => f64::floor,
        "sqrt" => f64::sqrt,
        "exp" => f64::exp,
        "ln" => f64::ln,
        "log2" => f64::log2,
        "log10" => f64::log10,
        "sgn" => sign,
        "sin" => f64::sin,
        "cos" => f64::cos,
        "tan" => f64::tan,
        "asin" => f64::asin,
        "acos" => f64::acos,
        "atan" => f64::atan,
        "sinh" => f64::sinh,
        "cosh" => f64::cosh,
        "tanh" => f64::tanh,
        "asinh" => f64::asinh,
        "acosh" => f64::acosh,
        "atanh" => f64::atanh,
        "deg" => f64::to_degrees,
        "rad" => f64::to_radians,
        _ => return None,
    })
}

/// 0 for both zeros, unlike `f64::signum`.
fn sign(value: f64) -> f64 {
    if value < 0.0 {
        -1.0
    } else if value > 0.0 {
        1.0
    } else {
        value
    }
}

/// To the nearest multiple, halves up. Dividing by the inverse of the multiple gives 0.3 and not 0.30000000000000004.
fn round(value: f64, multiple: f64) -> f64 {
    let inverse = 1.0 / multiple;
    (value * inverse + 0.5).floor() / inverse
}

/// As Go's `math.Max`: unlike `f64::max`, NaN when either is.
fn at_least(value: f64, least: f64) -> f64 {
    if value.is_nan() || least.is_nan() {
        f64::NAN
    } else {
        value.max(least)
    }
}

fn at_most(value: f64, most: f64) -> f64 {
    if value.is_nan() || most.is_nan() {
        f64::NAN
    } else {
        value.min(most)
    }
}
