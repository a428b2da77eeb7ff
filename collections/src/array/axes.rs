//! Which axes are meant.

use super::error::ArrayError;

/// Axes of an array: a number or a list of them. Negative ones count from the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Axes(Vec<isize>);

impl Axes {
    /// The axes of an array of this shape, in order, each once.
    pub(crate) fn of(self, shape: &[usize]) -> Result<Vec<usize>, ArrayError> {
        let mut axes = self.in_given_order(shape)?;
        axes.sort_unstable();
        Ok(axes)
    }

    /// The same, in the order in which they were given.
    pub(crate) fn in_given_order(self, shape: &[usize]) -> Result<Vec<usize>, ArrayError> {
        let mut axes = Vec::with_capacity(self.0.len());
        for axis in self.0 {
            let axis = one(axis, shape.len(), shape)?;
            if axes.contains(&axis) {
                return Err(ArrayError::RepeatedAxis { axis });
            }
            axes.push(axis);
        }
        Ok(axes)
    }
}

/// One of `count` axes.
pub(crate) fn one(axis: isize, count: usize, shape: &[usize]) -> Result<usize, ArrayError> {
    let from_front = if axis < 0 { count.checked_add_signed(axis) } else { usize::try_from(axis).ok() };
    from_front.filter(|axis| *axis < count).ok_or_else(|| ArrayError::Axis { axis, shape: shape.to_vec() })
}

macro_rules! numbers {
    ($($t:ty)*) => {$(
        impl From<$t> for Axes {
            fn from(axis: $t) -> Self {
                Axes(vec![number(axis)])
            }
        }

        impl<const N: usize> From<[$t; N]> for Axes {
            fn from(axes: [$t; N]) -> Self {
                Axes(axes.into_iter().map(number).collect())
            }
        }

        impl From<&[$t]> for Axes {
            fn from(axes: &[$t]) -> Self {
                Axes(axes.iter().copied().map(number).collect())
            }
        }
    )*};
}

numbers!(i32 isize usize);

/// One that is too large is no array's.
fn number(axis: impl TryInto<isize>) -> isize {
    axis.try_into().unwrap_or(isize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn negative_axes_count_from_the_end() {
        assert_eq!(Axes::from([-1, 0]).of(&[2, 3, 4]).unwrap(), [0, 2]);
        assert_eq!(Axes::from([-1, 0]).in_given_order(&[2, 3, 4]).unwrap(), [2, 0]);
        assert_eq!(Axes::from(1usize).of(&[2, 3]).unwrap(), [1]);
        assert!(matches!(Axes::from(2).of(&[2, 3]), Err(ArrayError::Axis { axis: 2, .. })));
        assert!(matches!(Axes::from(-3).of(&[2, 3]), Err(ArrayError::Axis { axis: -3, .. })));
        assert!(matches!(Axes::from([0, -2]).of(&[2, 3]), Err(ArrayError::RepeatedAxis { axis: 0 })));
    }
}
