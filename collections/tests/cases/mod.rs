//! One case of the vectors: what is to be done with which arrays, and what comes out.

#![allow(unreachable_pub, reason = "a module of a test has no outside")]

use brisk_client::Delayed;
use brisk_collections::{
    Collection,
    array::{Array, Block, Element, Float, Number, Part, Signed, concatenate, stack, where_},
};
use serde::Deserialize;
use serde_json::{Map, Value};

#[derive(Deserialize)]
pub struct Case {
    pub name: String,
    op: String,
    pub inputs: Vec<Input>,
    arguments: Map<String, Value>,
    pub result: Input,
}

#[derive(Deserialize)]
pub struct Input {
    dtype: String,
    pub shape: Vec<usize>,
    chunks: Vec<Vec<usize>>,
    pub data: Vec<Value>,
}

impl Input {
    /// Cuts each axis as `lengths` says.
    pub fn cut(&mut self, lengths: impl Fn(usize) -> Vec<usize>) {
        self.chunks = self.shape.iter().map(|length| lengths(*length)).collect();
    }
}

/// An element as the vectors have it.
pub trait Readable: Element {
    fn of(value: &Value) -> Option<Self>;
    /// How far from what NumPy has it may be, beside its size.
    const TOLERANCE: f64 = 0.0;
    fn float(self) -> Option<f64> {
        None
    }
}

macro_rules! readable {
    ($($t:ty, $value:ident => $read:expr;)*) => {$(
        impl Readable for $t {
            fn of($value: &Value) -> Option<Self> {
                $read
            }
        }
    )*};
}

readable! {
    i64, value => value.as_i64();
    i32, value => value.as_i64()?.try_into().ok();
    u8, value => value.as_i64()?.try_into().ok();
    bool, value => value.as_bool();
}

impl Readable for f64 {
    const TOLERANCE: f64 = 1e-12;

    fn of(value: &Value) -> Option<Self> {
        value.as_f64().or_else(|| value.as_str()?.parse().ok())
    }

    fn float(self) -> Option<f64> {
        Some(self)
    }
}

impl Readable for f32 {
    const TOLERANCE: f64 = 2e-6;

    fn of(value: &Value) -> Option<Self> {
        f64::of(value).map(|x| x as f32)
    }

    fn float(self) -> Option<f64> {
        Some(self.into())
    }
}

fn elements<T: Readable>(input: &Input) -> Vec<T> {
    input.data.iter().map(|value| T::of(value).unwrap_or_else(|| panic!("{value} is no {}", T::DTYPE))).collect()
}

/// The array that a case begins with.
pub fn any<T: Readable>(input: &Input) -> Array<T> {
    assert_eq!(input.dtype, T::DTYPE.to_string());
    let block = Block::new(&input.shape, elements(input)).expect("as many elements as the shape has");
    Array::from_ndarray(block.into_ndarray()).chunks(input.chunks.clone()).unwrap()
}

impl Case {
    /// Whether it comes out.
    pub fn check(&self) -> Result<(), String> {
        match self.inputs[0].dtype.as_str() {
            "f64" => self.floats::<f64>(),
            "f32" => self.floats::<f32>(),
            "i64" => self.signed::<i64>(),
            "i32" => self.signed::<i32>(),
            "u8" => self.numbers::<u8>(),
            "bool" => self.truths(),
            other => Err(format!("{other} is no type")),
        }
    }

    fn input<T: Readable>(&self, place: usize) -> Array<T> {
        any(&self.inputs[place])
    }

    fn floats<T: Readable + Float<Sum = T, Mean = T>>(&self) -> Result<(), String> {
        let x = self.input::<T>(0);
        let other = || self.input::<T>(1);
        self.same(match self.op.as_str() {
            "sqrt" => x.sqrt(),
            "cbrt" => x.cbrt(),
            "exp" => x.exp(),
            "exp_m1" => x.exp_m1(),
            "ln" => x.ln(),
            "ln_1p" => x.ln_1p(),
            "log2" => x.log2(),
            "log10" => x.log10(),
            "sin" => x.sin(),
            "cos" => x.cos(),
            "tan" => x.tan(),
            "asin" => x.asin(),
            "acos" => x.acos(),
            "atan" => x.atan(),
            "sinh" => x.sinh(),
            "cosh" => x.cosh(),
            "tanh" => x.tanh(),
            "floor" => x.floor(),
            "ceil" => x.ceil(),
            "round" => x.round(),
            "trunc" => x.trunc(),
            "powf" => x.powf(other()),
            "atan2" => x.atan2(other()),
            "hypot" => x.hypot(other()),
            "is_nan" => return self.same(x.is_nan()),
            "is_finite" => return self.same(x.is_finite()),
            "is_infinite" => return self.same(x.is_infinite()),
            _ => return self.signed::<T>(),
        })
    }

    fn signed<T: Readable + Signed<Sum: Readable, Mean: Readable>>(&self) -> Result<(), String> {
        match self.op.as_str() {
            "neg" => self.same(-self.input::<T>(0)),
            _ => self.numbers::<T>(),
        }
    }

    fn numbers<T: Readable + Number<Sum: Readable, Mean: Readable>>(&self) -> Result<(), String> {
        let x = self.input::<T>(0);
        let y = || self.input::<T>(1);
        let number = |name: &str| {
            T::of(&self.arguments[name]).or_else(|| T::of(&(self.arguments[name].as_f64()? as i64).into()))
        };
        self.same(match self.op.as_str() {
            "abs" => x.abs(),
            "signum" => x.signum(),
            "powi" => x.powi(self.arguments["exponent"].as_i64().unwrap() as i32),
            "clip" => x.clip(number("low").unwrap(), number("high").unwrap()),
            "add" => x + y(),
            "sub" => &x - &y(),
            "mul" => x * &y(),
            "div" => &x / y(),
            "rem" => x % y(),
            "minimum" => x.minimum(y()),
            "maximum" => x.maximum(y()),
            "matmul" => x.matmul(&y()).unwrap(),
            "min" => self.over(&x, |x| Array::min(x).unwrap(), |x, axes| x.min_over(axes).unwrap()),
            "max" => self.over(&x, |x| Array::max(x).unwrap(), |x, axes| x.max_over(axes).unwrap()),
            "argmin" | "argmax" => return self.places(&x),
            _ => return self.anything(&x),
        })
    }

    fn places<T: Readable + Number>(&self, x: &Array<T>) -> Result<(), String> {
        let axis = self.arguments["axis"].as_i64().map(|axis| axis as isize);
        let least = self.op == "argmin";
        self.same(match axis {
            None if least => scalar(&x.argmin().unwrap()),
            None => scalar(&x.argmax().unwrap()),
            Some(axis) if least => x.argmin_over(axis).unwrap(),
            Some(axis) => x.argmax_over(axis).unwrap(),
        })
    }

    fn truths(&self) -> Result<(), String> {
        let x = self.input::<bool>(0);
        let y = || self.input::<bool>(1);
        self.same(match self.op.as_str() {
            "not" => !x,
            "and" => x & y(),
            "or" => x | y(),
            "xor" => &x ^ &y(),
            "where" => {
                let (a, b) = (self.input::<i32>(1), self.input::<i32>(2));
                return self.same(where_(&x, a, &b).unwrap());
            }
            _ => return self.anything(&x),
        })
    }

    /// What there is for elements of any type.
    fn anything<T: Readable<Sum: Readable, Mean: Readable>>(&self, x: &Array<T>) -> Result<(), String> {
        let y = || self.input::<T>(1);
        let ddof = || self.arguments["ddof"].as_u64().unwrap() as u32;
        match self.op.as_str() {
            "lt" => self.same(x.lt(y())),
            "le" => self.same(x.le(y())),
            "gt" => self.same(x.gt(y())),
            "ge" => self.same(x.ge(y())),
            "eq" => self.same(x.eq(y())),
            "ne" => self.same(x.ne(y())),
            "cast" => self.cast(x),
            "sum" => self.same(self.over(x, Array::sum, |x, axes| x.sum_over(axes).unwrap())),
            "prod" => self.same(self.over(x, Array::prod, |x, axes| x.prod_over(axes).unwrap())),
            "mean" => self.same(self.over(x, Array::mean, |x, axes| x.mean_over(axes).unwrap())),
            "var" => self.same(self.over(x, |x| x.var(ddof()), |x, axes| x.var_over(axes, ddof()).unwrap())),
            "std" => self.same(self.over(x, |x| x.std(ddof()), |x, axes| x.std_over(axes, ddof()).unwrap())),
            "any" => self.same(self.over(x, Array::any, |x, axes| x.any_over(axes).unwrap())),
            "all" => self.same(self.over(x, Array::all, |x, axes| x.all_over(axes).unwrap())),
            _ => self.same(self.turned(x)?),
        }
    }

    /// The same elements in another order or shape.
    fn turned<T: Readable>(&self, x: &Array<T>) -> Result<Array<T>, String> {
        let axis = || self.arguments["axis"].as_i64().unwrap() as isize;
        let shape = || self.list("shape").into_iter().map(|length| length as usize).collect::<Vec<_>>();
        let all = || (0..self.inputs.len()).map(|place| self.input::<T>(place)).collect::<Vec<_>>();
        let found = match self.op.as_str() {
            "slice" => x.slice(self.parts()),
            "transpose" if self.list("axes") == [2, 1, 0] => Ok(x.t()),
            "transpose" => x.transpose(self.list("axes").as_slice()),
            "reshape" => x.reshape(shape()),
            "broadcast_to" => x.broadcast_to(shape()),
            "rechunk" => {
                let chunks: Vec<Vec<usize>> = serde_json::from_value(self.arguments["chunks"].clone()).unwrap();
                let cut = x.rechunk(chunks.clone()).map_err(|error| error.to_string())?;
                assert_eq!(cut.chunk_lengths(), chunks);
                Ok(cut)
            }
            "concatenate" => concatenate(&all(), axis()),
            "stack" => stack(&all(), axis()),
            other => return Err(format!("{other} is no operation of {}", T::DTYPE)),
        };
        found.map_err(|error| error.to_string())
    }

    fn cast<T: Readable>(&self, x: &Array<T>) -> Result<(), String> {
        match self.arguments["to"].as_str().unwrap() {
            "f64" => self.same(x.cast::<f64>()),
            "f32" => self.same(x.cast::<f32>()),
            "i64" => self.same(x.cast::<i64>()),
            "i32" => self.same(x.cast::<i32>()),
            "u8" => self.same(x.cast::<u8>()),
            _ => self.same(x.cast::<bool>()),
        }
    }

    /// A reduction along the case's axes; of all elements it is one element, which is made an array again.
    fn over<T: Element, R: Readable>(
        &self,
        x: &Array<T>,
        all: impl Fn(&Array<T>) -> Delayed<R>,
        over: impl Fn(&Array<T>, &[isize]) -> Array<R>,
    ) -> Array<R> {
        match &self.arguments["axes"] {
            Value::Null => scalar(&all(x)),
            _ => over(x, &self.list("axes")),
        }
    }

    fn list(&self, name: &str) -> Vec<isize> {
        serde_json::from_value(self.arguments[name].clone()).unwrap()
    }

    fn parts(&self) -> Vec<Part> {
        let part = |part: &Value| match part {
            Value::String(_) => Part::New,
            Value::Number(index) => Part::Index(index.as_i64().unwrap() as isize),
            range => {
                let [start, end, step]: [isize; 3] = serde_json::from_value(range.clone()).unwrap();
                Part::Range(start, Some(end), step)
            }
        };
        self.arguments["parts"].as_array().unwrap().iter().map(part).collect()
    }

    /// Whether an array is the case's result.
    fn same<T: Readable>(&self, array: Array<T>) -> Result<(), String> {
        let block = array.collect().run_shared().map_err(|error| error.to_string())?;
        if T::DTYPE.to_string() != self.result.dtype {
            return Err(format!("{} came for {}", T::DTYPE, self.result.dtype));
        }
        if block.shape() != self.result.shape || array.shape() != self.result.shape {
            return Err(format!("shape {:?} came for {:?}", block.shape(), self.result.shape));
        }
        let wanted = elements::<T>(&self.result);
        match block.elements().iter().zip(&wanted).find(|(x, y)| !near(**x, **y)) {
            Some((x, y)) => Err(format!("{x:?} came for {y:?}, of {:?}", self.result.data)),
            None => Ok(()),
        }
    }
}

fn near<T: Readable>(x: T, y: T) -> bool {
    match (x.float(), y.float()) {
        (Some(a), Some(b)) if a.is_finite() && b.is_finite() => (a - b).abs() <= T::TOLERANCE * (1.0 + b.abs()),
        (Some(a), Some(b)) => a == b || (a.is_nan() && b.is_nan()),
        _ => x == y,
    }
}

fn scalar<T: Element>(value: &Delayed<T>) -> Array<T> {
    let value = *value.run_shared().unwrap_or_else(|error| panic!("{error}"));
    Array::full([], value).unwrap()
}
