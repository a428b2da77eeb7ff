//! Many calls of one function in one task: a loop over a block of elements, which the macro compiles for the function's own
//! types. Each parameter is a column: the same for all calls, one of a vector's elements for each, or what the call before
//! returned.

use std::{any::TypeId, mem, sync::Arc, vec};

use smallvec::SmallVec;

use super::{Input, Inputs, Texts, argument};
use crate::{
    encode,
    error::{ErrorKind, Failure},
    value::{Datum, Value},
};

/// What a step comes to.
type Caught<T> = Result<T, Box<Failure>>;

/// Makes the calls of a [`Block`]. Its value is a `Vec` of the results; of a fold, the last result.
pub type BlockFn = fn(&mut Block) -> Caught<Datum>;

/// The arguments of many calls.
#[derive(Debug)]
pub struct Block {
    columns: SmallVec<[Source; 2]>,
    len: usize,
    fold: Option<Datum>,
    /// The type of the parameters that take what the call before returned.
    before: Option<TypeId>,
    at: usize,
    /// Which calls came to nothing, if those are passed over.
    skipped: Option<Vec<bool>>,
}

/// Where the arguments of one parameter come from.
#[derive(Clone, Debug)]
pub enum Source {
    /// The same for every call.
    Same(Input),
    /// Elements of a `Vec`, from this one on.
    Each(Datum, usize),
    /// Texts, from this one on.
    Texts(Arc<Texts>, usize),
    /// What the call before returned, in a fold.
    Before,
}

impl Block {
    /// `len` calls with arguments from these columns.
    pub fn new(len: usize, columns: impl IntoIterator<Item = Source>) -> Self {
        Block { columns: columns.into_iter().collect(), len, fold: None, before: None, at: 0, skipped: None }
    }

    /// The same as a fold, which begins with `start`.
    #[must_use]
    pub fn folding(mut self, start: Datum) -> Self {
        self.fold = Some(start);
        self
    }

    /// The same, passing over calls that return `Err`: their results are missing from the others.
    #[must_use]
    pub fn skipping(mut self) -> Self {
        self.skipped = Some(Vec::with_capacity(self.len));
        self
    }

    /// For each call whether it was passed over, if that was asked for.
    pub fn skipped(&self) -> Option<&[bool]> {
        self.skipped.as_deref()
    }

    /// The number of the call that is being made: after a failure, of the one that failed.
    pub fn at(&self) -> usize {
        self.at
    }

    /// Makes the calls: `call` is given the number of each, and what the call before returned.
    ///
    /// # Errors
    /// The first that a call returns; if a fold's start is of another type than its results.
    pub fn run<R: Value>(&mut self, mut call: impl FnMut(usize, &mut Option<R>) -> Caught<R>) -> Caught<Datum> {
        let Some(start) = self.fold.take() else {
            let mut results = Vec::with_capacity(self.len);
            for index in 0..self.len {
                self.at = index;
                match (call(index, &mut None), &mut self.skipped) {
                    (Ok(result), None) => results.push(result),
                    (Ok(result), Some(skipped)) => {
                        results.push(result);
                        skipped.push(false);
                    }
                    (Err(failure), Some(skipped)) if failure.kind == ErrorKind::Failed => skipped.push(true),
                    (Err(failure), _) => return Err(failure),
                }
            }
            return Ok(Datum::new(results));
        };
        if self.before.is_some_and(|before| before != TypeId::of::<R>()) {
            let text =
                format!("a fold gives its result, a {}, to the next call, which takes another type", name::<R>());
            return Err(Box::new(Failure::new(ErrorKind::Decode, text)));
        }
        let mut last = Some(own(start)?);
        for index in 0..self.len {
            self.at = index;
            last = Some(call(index, &mut last)?);
        }
        last.map(Datum::new).ok_or_else(|| argument(0, "a fold whose function takes nothing of the call before"))
    }

    /// A column for who takes values: texts become strings.
    fn take_values(&mut self, index: usize) -> Caught<Source> {
        Ok(match self.take(index)? {
            Source::Texts(texts, from) => Source::Each(texts.vector(from, self.len), 0),
            source => source,
        })
    }

    fn take(&mut self, index: usize) -> Caught<Source> {
        let source = self.columns.get_mut(index).ok_or_else(|| argument(index, "it is missing from the call"))?;
        Ok(mem::replace(source, Source::Before))
    }

    /// A vector with enough elements behind `from`.
    fn items<T: Value>(&self, index: usize, items: &Datum, from: usize) -> Caught<Arc<Vec<T>>> {
        let items = items.shared::<Vec<T>>().map_err(|error| argument(index, error))?;
        enough(index, items.len(), from, self.len)?;
        Ok(items)
    }

    fn note_before<T: 'static>(&mut self, index: usize) -> Caught<()> {
        if self.fold.is_none() {
            return Err(argument(index, "what the call before returned is only known in a fold"));
        }
        self.before = Some(TypeId::of::<T>());
        Ok(())
    }
}

/// The argument of a parameter that is the same for all calls.
pub type SameFn<T> = fn(&mut Inputs, usize) -> Caught<Arc<T>>;

/// A parameter that is lent: `&T`.
pub struct Lending<T>(LendingFrom<T>);

enum LendingFrom<T> {
    Same(Arc<T>),
    Each(Arc<Vec<T>>, usize),
    Before(Option<T>),
}

impl<T: Value> Lending<T> {
    /// Column `index`.
    ///
    /// # Errors
    /// If it is missing, of another type, or too short.
    pub fn of(block: &mut Block, index: usize, same: SameFn<T>) -> Caught<Self> {
        Ok(Lending(match block.take_values(index)? {
            Source::Same(input) => LendingFrom::Same(same(&mut Inputs::new([input]), 0)?),
            Source::Each(items, from) => LendingFrom::Each(block.items(index, &items, from)?, from),
            Source::Texts(..) => return Err(no_values(index)),
            Source::Before => {
                block.note_before::<T>(index)?;
                LendingFrom::Before(None)
            }
        }))
    }
}

impl<T: 'static> Lending<T> {
    /// The argument of call `index`.
    #[inline]
    pub fn get<R: 'static>(&mut self, index: usize, last: &mut Option<R>) -> &T {
        match &mut self.0 {
            LendingFrom::Same(value) => value,
            LendingFrom::Each(items, from) => &items[*from + index],
            LendingFrom::Before(held) => {
                *held = last.take().and_then(encode::cast);
                held.as_ref().expect("the types were compared, and a fold has a result before each call")
            }
        }
    }
}

/// A parameter that is a lent text: `&str`. Pieces of a longer text are lent as they lie there.
pub struct LendingText(TextFrom);

enum TextFrom {
    Values(Lending<String>),
    Texts(Arc<Texts>, usize),
}

impl LendingText {
    /// Column `index`.
    ///
    /// # Errors
    /// As [`Lending::of`].
    pub fn of(block: &mut Block, index: usize, same: SameFn<String>) -> Caught<Self> {
        let (texts, from) = match block.take(index)? {
            Source::Texts(texts, from) => (texts, from),
            other => {
                block.columns[index] = other;
                return Lending::of(block, index, same).map(|values| LendingText(TextFrom::Values(values)));
            }
        };
        enough(index, texts.len(), from, block.len)?;
        Ok(LendingText(TextFrom::Texts(texts, from)))
    }

    /// The argument of call `index`.
    #[inline]
    pub fn get<R: 'static>(&mut self, index: usize, last: &mut Option<R>) -> &str {
        match &mut self.0 {
            TextFrom::Values(values) => values.get(index, last),
            TextFrom::Texts(texts, from) => texts.get(*from + index),
        }
    }
}

/// A parameter that is given away: `T`. Elements are moved out of a vector that nobody else holds.
pub struct Giving<T>(GivingFrom<T>);

enum GivingFrom<T> {
    Same(Arc<T>),
    Each(Arc<Vec<T>>, usize),
    Own(vec::IntoIter<T>),
    Before,
}

impl<T: Value + Clone> Giving<T> {
    /// Column `index`.
    ///
    /// # Errors
    /// As [`Lending::of`].
    pub fn of(block: &mut Block, index: usize, same: SameFn<T>) -> Caught<Self> {
        Ok(Giving(match block.take_values(index)? {
            Source::Same(input) => GivingFrom::Same(same(&mut Inputs::new([input]), 0)?),
            Source::Each(items, from) => {
                let shared = block.items(index, &items, from)?;
                drop(items);
                match Arc::try_unwrap(shared) {
                    Ok(mut owned) => {
                        owned.drain(..from);
                        GivingFrom::Own(owned.into_iter())
                    }
                    Err(shared) => GivingFrom::Each(shared, from),
                }
            }
            Source::Texts(..) => return Err(no_values(index)),
            Source::Before => {
                block.note_before::<T>(index)?;
                GivingFrom::Before
            }
        }))
    }
}

impl<T: 'static> Giving<T> {
    /// The argument of call `index`. The calls are made in order.
    #[inline]
    pub fn get<R: 'static>(&mut self, index: usize, last: &mut Option<R>) -> T
    where
        T: Clone,
    {
        match &mut self.0 {
            GivingFrom::Same(value) => (**value).clone(),
            GivingFrom::Each(items, from) => items[*from + index].clone(),
            GivingFrom::Own(items) => items.next().expect("the elements were counted"),
            GivingFrom::Before => last
                .take()
                .and_then(encode::cast)
                .expect("the types were compared, and a fold has a result before each call"),
        }
    }
}

/// A parameter that is shared: `Arc<T>`.
pub struct Sharing<T>(SharingFrom<T>);

enum SharingFrom<T> {
    Same(Arc<T>),
    Each(vec::IntoIter<Arc<T>>),
    Before,
}

impl<T: Value> Sharing<T> {
    /// Column `index`; `clone` if the type has one.
    ///
    /// # Errors
    /// As [`Lending::of`].
    pub fn of(block: &mut Block, index: usize, same: SameFn<T>, clone: Option<fn(&T) -> T>) -> Caught<Self> {
        Ok(Sharing(match block.take_values(index)? {
            Source::Same(input) => SharingFrom::Same(same(&mut Inputs::new([input]), 0)?),
            Source::Each(items, from) => {
                block.items::<T>(index, &items, from)?;
                let owned = own_items(items, clone)?.into_iter().skip(from).map(Arc::new);
                SharingFrom::Each(owned.collect::<Vec<_>>().into_iter())
            }
            Source::Texts(..) => return Err(no_values(index)),
            Source::Before => {
                block.note_before::<T>(index)?;
                SharingFrom::Before
            }
        }))
    }
}

impl<T: 'static> Sharing<T> {
    /// The argument of call `index`. The calls are made in order.
    #[inline]
    pub fn get<R: 'static>(&mut self, _: usize, last: &mut Option<R>) -> Arc<T> {
        match &mut self.0 {
            SharingFrom::Same(value) => value.clone(),
            SharingFrom::Each(items) => items.next().expect("the elements were counted"),
            SharingFrom::Before => {
                let last = last.take().and_then(encode::cast);
                Arc::new(last.expect("the types were compared, and a fold has a result before each call"))
            }
        }
    }
}

/// A vector by value: moved if nobody else holds it, else copied by `clone`, or through its encoding.
pub(crate) fn own_items<T: Value>(items: Datum, clone: Option<fn(&T) -> T>) -> Caught<Vec<T>> {
    let shared = items.shared::<Vec<T>>().map_err(Failure::from)?;
    match clone {
        None => {
            drop(shared);
            own(items)
        }
        Some(clone) => {
            drop(items);
            Ok(Arc::try_unwrap(shared).unwrap_or_else(|shared| shared.iter().map(clone).collect()))
        }
    }
}

/// A value of a type that need be no `Clone`: moved if nobody else holds it, else decoded anew from its own encoding.
pub(crate) fn own<T: Value>(datum: Datum) -> Caught<T> {
    let shared = datum.shared::<T>().map_err(Failure::from)?;
    drop(datum);
    Arc::try_unwrap(shared).or_else(|shared| {
        let bytes = encode::encode(&*shared).map_err(Failure::from)?;
        encode::decode(&bytes).map_err(|error| Box::new(Failure::from(crate::error::ValueError::from(error))))
    })
}

/// Whether there are `wanted` of `len` behind `from`.
fn enough(index: usize, len: usize, from: usize, wanted: usize) -> Caught<()> {
    if len < from.saturating_add(wanted) {
        let had = len.saturating_sub(from);
        return Err(argument(index, format!("{had} elements where {wanted} calls are made")));
    }
    Ok(())
}

fn no_values(index: usize) -> Box<Failure> {
    argument(index, "texts where values are taken")
}

fn name<T>() -> &'static str {
    std::any::type_name::<T>()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inputs<T: Value>(inputs: &mut Inputs, index: usize) -> Caught<Arc<T>> {
        inputs.shared(index)
    }

    fn add(block: &mut Block) -> Caught<Datum> {
        let mut x = Giving::<i64>::of(block, 0, inputs)?;
        let mut y = Lending::<i64>::of(block, 1, inputs)?;
        block.run(|index, last| {
            let x = x.get(index, last);
            match x.checked_add(*y.get(index, last)) {
                Some(sum) => Ok(sum),
                None => Err(Box::new(Failure::new(ErrorKind::Failed, "too much"))),
            }
        })
    }

    fn numbers(numbers: impl IntoIterator<Item = i64>) -> Datum {
        Datum::new(numbers.into_iter().collect::<Vec<i64>>())
    }

    #[test]
    fn each_column_has_its_own_source() {
        let ten = Source::Same(Input::One(Datum::new(10i64)));
        let mut block = Block::new(3, [Source::Each(numbers(0..5), 2), ten]);
        assert_eq!(*add(&mut block).unwrap().shared::<Vec<i64>>().unwrap(), [12, 13, 14]);
        let mut block = Block::new(2, [Source::Each(numbers(0..2), 0), Source::Each(numbers(5..9), 1)]);
        assert_eq!(*add(&mut block).unwrap().shared::<Vec<i64>>().unwrap(), [6, 8]);
    }

    #[test]
    fn a_fold_hands_its_result_on() {
        for columns in
            [[Source::Before, Source::Each(numbers(1..5), 0)], [Source::Each(numbers(1..5), 0), Source::Before]]
        {
            let mut block = Block::new(4, columns).folding(Datum::new(100i64));
            assert_eq!(*add(&mut block).unwrap().shared::<i64>().unwrap(), 110);
        }
    }

    #[test]
    fn a_failure_is_of_one_call() {
        let mut block = Block::new(3, [Source::Each(numbers([1, i64::MAX, 2]), 0), Source::Each(numbers([1; 3]), 0)]);
        assert_eq!(add(&mut block).unwrap_err().message, "too much");
        assert_eq!(block.at(), 1);
    }

    #[test]
    fn calls_that_fail_can_be_passed_over() {
        let numbers = [Source::Each(numbers([1, i64::MAX, 2]), 0), Source::Each(numbers([1; 3]), 0)];
        let mut block = Block::new(3, numbers).skipping();
        assert_eq!(*add(&mut block).unwrap().shared::<Vec<i64>>().unwrap(), [2, 3]);
        assert_eq!(block.skipped(), Some(&[false, true, false][..]));
    }

    #[test]
    fn columns_that_do_not_fit_are_errors() {
        let same = || Source::Same(Input::One(Datum::new(1i64)));
        let told = |mut block: Block, words: &str| {
            let error = add(&mut block).unwrap_err().message;
            assert!(error.contains(words), "{error}");
        };
        told(Block::new(4, [Source::Each(numbers(0..5), 2), same()]), "3 elements where 4 calls are made");
        told(Block::new(1, [same()]), "argument 2: it is missing");
        told(Block::new(1, [Source::Each(Datum::new(vec![1u8]), 0), same()]), "Vec<u8>");
        told(Block::new(1, [Source::Before, same()]), "only known in a fold");
    }

    #[test]
    fn pieces_of_a_text_are_lent_where_they_lie_and_are_strings_for_others() {
        let whole = Arc::new("a bc d".to_owned());
        let texts = || Source::Texts(Arc::new(Texts::new(whole.clone(), vec![0..1, 2..4, 5..6])), 1);
        let mut block = Block::new(2, [texts(), texts(), texts(), texts()]);
        let mut lent = LendingText::of(&mut block, 0, inputs).unwrap();
        assert_eq!(lent.get::<()>(0, &mut None).as_ptr(), whole[2..].as_ptr());
        assert_eq!(lent.get::<()>(1, &mut None), "d");
        assert_eq!(Lending::<String>::of(&mut block, 1, inputs).unwrap().get::<()>(1, &mut None), "d");
        assert_eq!(Giving::<String>::of(&mut block, 2, inputs).unwrap().get::<()>(0, &mut None), "bc");
        assert!(Giving::<i64>::of(&mut block, 3, inputs).is_err());
        let error = LendingText::of(&mut Block::new(3, [texts()]), 0, inputs).err().unwrap().message;
        assert!(error.contains("2 elements where 3 calls are made"), "{error}");
        let values = Source::Each(Datum::new(vec!["x".to_owned()]), 0);
        let mut block = Block::new(1, [values, Source::Same(Input::One(Datum::new("y".to_owned())))]);
        assert_eq!(LendingText::of(&mut block, 0, inputs).unwrap().get::<()>(0, &mut None), "x");
        assert_eq!(LendingText::of(&mut block, 1, inputs).unwrap().get::<()>(0, &mut None), "y");
    }

    #[test]
    fn elements_are_moved_where_nobody_else_has_them() {
        let place = |datum: &Datum| datum.shared::<Vec<String>>().unwrap()[1].as_ptr();
        let taken = |datum: Datum| {
            let mut block = Block::new(1, [Source::Each(datum, 1)]);
            let mut text = Giving::<String>::of(&mut block, 0, inputs).unwrap();
            let text = text.get::<()>(0, &mut None);
            text.as_ptr()
        };
        let datum = Datum::new(vec!["a".to_owned(), "b".to_owned()]);
        assert_ne!(taken(datum.clone()), place(&datum));
        let (before, after) = (place(&datum), taken(datum));
        assert_eq!(before, after);
    }
}
