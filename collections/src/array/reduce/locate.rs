//! Where the least or greatest element is. Of several the first counts, and what is not a number comes before all others, as in
//! NumPy.

use super::{
    super::{block::Block, element::Number, grid::Region},
    Partial, Reduction, What,
};

/// The extremes of a block, and their places in the whole array: along one axis the index, along all the place in order.
pub(super) fn of_block<T: Number>(
    reduction: &Reduction,
    region: &Region,
    block: &Block<T>,
    wrap: fn(Block<T>) -> Partial,
    before: impl Fn(T, T) -> bool,
) -> Partial {
    let data = block.elements();
    match reduction.axes.as_slice() {
        [axis] if block.ndim() > 1 => {
            let shape = block.shape();
            let (count, inner): (usize, usize) = (shape[*axis], shape[axis + 1..].iter().product());
            let outer: usize = shape[..*axis].iter().product();
            let mut values = Vec::with_capacity(outer * inner);
            let mut places = Vec::with_capacity(outer * inner);
            for (outer, inside) in (0..outer).flat_map(|o| (0..inner).map(move |i| (o, i))) {
                let line = (0..count).map(|k| data[(outer * count + k) * inner + inside]);
                let (place, value) = first(line, &before);
                values.push(value);
                places.push((region.offset[*axis] + place) as i64);
            }
            let mut left = shape.to_vec();
            left.remove(*axis);
            let values = Block::new(&left, values).expect("one for each line");
            Partial::Located(Box::new(wrap(values)), Block::new(&left, places).expect("one for each line"))
        }
        _ => {
            let (place, value) = first(data.iter().copied(), &before);
            let place = in_whole(place, region, &reduction.whole);
            Partial::Located(Box::new(wrap(Block::scalar(value))), Block::scalar(place as i64))
        }
    }
}

/// The first of a line that none is before.
fn first<T: Number>(line: impl Iterator<Item = T>, before: impl Fn(T, T) -> bool) -> (usize, T) {
    let mut best: Option<(usize, T)> = None;
    for (place, x) in line.enumerate() {
        match best {
            Some((_, value)) if !wins(x, value, &before) => {}
            _ => best = Some((place, x)),
        }
    }
    best.unwrap_or((0, T::ZERO))
}

fn wins<T: Number>(x: T, than: T, before: impl Fn(T, T) -> bool) -> bool {
    !than.is_nan() && (x.is_nan() || before(x, than))
}

/// The place in the whole array of what is at `place` in a region.
fn in_whole(mut place: usize, region: &Region, whole: &[usize]) -> usize {
    let (mut at, mut stride) = (0, 1);
    for axis in (0..whole.len()).rev() {
        let length = region.shape[axis].max(1);
        at += (region.offset[axis] + place % length) * stride;
        place /= length;
        stride *= whole[axis];
    }
    at
}

/// Takes over from others what is before what some have.
pub(super) fn pair(
    what: What,
    (values, places): (&mut Partial, &mut Block<i64>),
    (others, other_places): (&Partial, &Block<i64>),
) -> Option<()> {
    match (values, others) {
        (Partial::F64(values), Partial::F64(others)) => better(what, (values, places), (others, other_places)),
        (Partial::F32(values), Partial::F32(others)) => better(what, (values, places), (others, other_places)),
        (Partial::I64(values), Partial::I64(others)) => better(what, (values, places), (others, other_places)),
        (Partial::I32(values), Partial::I32(others)) => better(what, (values, places), (others, other_places)),
        (Partial::U8(values), Partial::U8(others)) => better(what, (values, places), (others, other_places)),
        _ => None,
    }
}

fn better<T: Number>(
    what: What,
    (values, places): (&mut Block<T>, &mut Block<i64>),
    (others, other_places): (&Block<T>, &Block<i64>),
) -> Option<()> {
    if values.shape() != others.shape() || places.shape() != other_places.shape() {
        return None;
    }
    let least = what == What::ArgMin;
    let before = |x: T, y: T| if least { x < y } else { x > y };
    let others = others.elements().iter().zip(other_places.elements());
    for ((value, place), (x, at)) in values.elements_mut().iter_mut().zip(places.elements_mut()).zip(others) {
        // Blocks come in order along one axis, but not among all elements: of equals the place decides.
        let ties = !before(*value, *x) && value.is_nan() == x.is_nan() && at < place;
        if wins(*x, *value, before) || (!wins(*value, *x, before) && ties) {
            (*value, *place) = (*x, *at);
        }
    }
    Some(())
}
