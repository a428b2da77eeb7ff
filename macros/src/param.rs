//! A parameter of a task: what is held for it, and how the function is given it.

use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote_spanned};
use syn::{
    Error, GenericArgument, Ident, Pat, PatType, Path, PathArguments, Result, Type, TypePath, TypeReference,
    ext::IdentExt,
    parse_quote_spanned,
    spanned::Spanned,
    visit_mut::{self, VisitMut},
};

use crate::options::{Private, located};

/// One parameter.
pub(crate) struct Param {
    /// What people are shown.
    pub(crate) label: String,
    /// What the function that describes calls names it: never underscored, since there it is used.
    pub(crate) ident: Ident,
    /// The type that is held and travels.
    pub(crate) stored: Type,
    access: Access,
}

/// How a held value becomes an argument.
enum Access {
    /// `T`.
    Owned,
    /// `Arc<T>`.
    Shared,
    /// `&T`.
    Borrowed,
    /// `&str`, which may lie in a longer text.
    BorrowedText,
    /// `&[T]`, which may lie in a vector or in bytes.
    BorrowedSlice,
    /// `&Arc<T>`.
    BorrowedShared,
    /// `Vec<Arc<T>>`, of which only the `Vec` is made anew.
    Shares(Type),
    /// `&[Arc<T>]`.
    BorrowedShares(Type),
}

/// The parameters of a function.
pub(crate) fn of_function<'a>(inputs: impl Iterator<Item = &'a PatType>) -> Result<Vec<Param>> {
    let mut params: Vec<Param> = Vec::new();
    let mut errors = Errors::default();
    for (index, input) in inputs.enumerate() {
        let parsed = named(&input.pat).and_then(|name| Param::new(name, index, &input.ty, &params));
        if let Some(param) = errors.ok(parsed) {
            params.push(param);
        }
    }
    errors.finish(params)
}

impl Param {
    /// Parameter `index`, which follows `before`. `name` is what the pattern binds, if it binds one name.
    pub(crate) fn new(name: Option<Ident>, index: usize, declared: &Type, before: &[Param]) -> Result<Self> {
        let (stored, access) = hold(declared)?;
        let clean = name.as_ref().and_then(without_underscores);
        let ident = match clean {
            Some(ident) if before.iter().all(|other| other.ident != ident) => ident,
            _ => format_ident!("arg{index}", span = Span::mixed_site()),
        };
        let label = name.map_or_else(|| "_".to_owned(), |name| name.unraw().to_string());
        Ok(Param { label, ident, stored, access })
    }

    /// The argument over a block of calls: a statement that takes its column as `column` from `block`, and an expression of the
    /// argument of call `index`. `None` if it can't vary from call to call.
    pub(crate) fn column(&self, private: &Private, column: &Ident, place: usize) -> Option<(TokenStream, TokenStream)> {
        let stored = &self.stored;
        let span = located(stored.span());
        let private = private.at(span);
        let (block, index, last) = block_names();
        let same = quote_spanned!(span=> |inputs, index| #private::Param::<#stored>::shared(inputs, index));
        let of = |kind: &str| {
            let kind = Ident::new(kind, span);
            quote_spanned!(span=> let mut #column = #private::#kind::<#stored>(#block, #place, #same)?;)
        };
        let got = quote_spanned!(span=> #column.get(#index, #last));
        let sharing = || {
            let clone = quote_spanned!(span=> <#private::Clones::<#stored>>::FN);
            quote_spanned!(span=> let mut #column = #private::sharing::<#stored>(#block, #place, #same, #clone)?;)
        };
        match &self.access {
            Access::Owned => Some((of("giving"), got)),
            Access::Shared => Some((sharing(), got)),
            Access::Borrowed => Some((of("lending"), got)),
            Access::BorrowedText => {
                let taken = quote_spanned!(span=> let mut #column = #private::lending_text(#block, #place, #same)?;);
                Some((taken, got))
            }
            Access::BorrowedSlice => Some((of("lending"), quote_spanned!(span=> #got.as_slice()))),
            Access::BorrowedShared => Some((sharing(), quote_spanned!(span=> &#got))),
            Access::Shares(_) | Access::BorrowedShares(_) => None,
        }
    }

    /// Whether the function is lent a `&str` or a slice.
    pub(crate) fn is_text_or_slice(&self) -> bool {
        match &self.access {
            Access::BorrowedText | Access::BorrowedSlice | Access::BorrowedShares(_) => true,
            Access::Borrowed => {
                matches!(&self.stored, Type::Path(path) if path.path.segments.last().is_some_and(|last| last.ident == "String"))
            }
            _ => false,
        }
    }

    /// The argument, taken from `inputs`, which is a `&mut Inputs`.
    pub(crate) fn argument(&self, private: &Private, inputs: &Ident, index: usize) -> TokenStream {
        let stored = &self.stored;
        let span = located(stored.span());
        let private = private.at(span);
        match &self.access {
            Access::Owned => quote_spanned!(span=> #private::Param::<#stored>::owned(#inputs, #index)?),
            Access::Shared => quote_spanned!(span=> #private::Param::<#stored>::shared(#inputs, #index)?),
            Access::Borrowed | Access::BorrowedText => {
                quote_spanned!(span=> &*#private::Param::<#stored>::shared(#inputs, #index)?)
            }
            Access::BorrowedSlice => quote_spanned!(span=> &*#private::Param::<#stored>::slice(#inputs, #index)?),
            Access::BorrowedShared => quote_spanned!(span=> &#private::Param::<#stored>::shared(#inputs, #index)?),
            Access::Shares(item) => quote_spanned!(span=> #private::Param::<#item>::shares(#inputs, #index)?),
            Access::BorrowedShares(item) => quote_spanned!(span=> &*#private::Param::<#item>::shares(#inputs, #index)?),
        }
    }
}

/// The names in a loop over a block: of the block, the number of a call, and what the call before returned.
pub(crate) fn block_names() -> (Ident, Ident, Ident) {
    let name = |name| Ident::new(name, Span::mixed_site());
    (name("__block"), name("__index"), name("__last"))
}

/// What a parameter of type `declared` holds.
fn hold(declared: &Type) -> Result<(Type, Access)> {
    let held = match declared {
        Type::Group(group) => return hold(&group.elem),
        Type::Paren(paren) => return hold(&paren.elem),
        Type::Reference(reference) => hold_reference(reference)?,
        Type::Path(TypePath { qself: None, path, .. }) => match one_argument(path) {
            Some(("Arc", item)) if is_sized(item) => (item.clone(), Access::Shared),
            Some(("Vec", Type::Path(inner))) if let Some(("Arc", item)) = one_argument(&inner.path) => {
                (parse_quote_spanned!(located(declared.span())=> ::std::vec::Vec<#item>), Access::Shares(item.clone()))
            }
            _ => (declared.clone(), Access::Owned),
        },
        _ => (declared.clone(), Access::Owned),
    };
    refuse_borrows(&held.0, Place::Argument)?;
    Ok(held)
}

fn hold_reference(reference: &TypeReference) -> Result<(Type, Access)> {
    if let Some(mutability) = &reference.mutability {
        return Err(Error::new(
            reference.and_token.span().join(mutability.span()).unwrap_or(reference.span()),
            "a task can't change its caller's value, which may be in another process: take the value and return the new one",
        ));
    }
    if let Some(lifetime) = reference.lifetime.as_ref().filter(|lifetime| lifetime.ident != "_") {
        return Err(Error::new(lifetime.span(), "a task's argument is lent for the call only: leave the lifetime out"));
    }
    Ok(match &*reference.elem {
        Type::Slice(slice) => {
            let item = &slice.elem;
            match &**item {
                Type::Path(inner) if let Some(("Arc", shared)) = one_argument(&inner.path) => (
                    parse_quote_spanned!(located(inner.span())=> ::std::vec::Vec<#shared>),
                    Access::BorrowedShares(shared.clone()),
                ),
                _ => (parse_quote_spanned!(located(item.span())=> ::std::vec::Vec<#item>), Access::BorrowedSlice),
            }
        }
        Type::Path(inner)
            if let Some(("Arc", shared)) = one_argument(&inner.path).filter(|(_, item)| is_sized(item)) =>
        {
            (shared.clone(), Access::BorrowedShared)
        }
        Type::Path(path) if path.path.is_ident("str") => {
            (parse_quote_spanned!(located(path.span())=> ::std::string::String), Access::BorrowedText)
        }
        Type::TraitObject(object) => {
            let text = "a trait object can't travel: take a reference to a type that implements the trait";
            return Err(Error::new(object.span(), text));
        }
        item => (item.clone(), Access::Borrowed),
    })
}

/// The last name of a path with exactly one type argument, and that argument.
fn one_argument(path: &Path) -> Option<(&'static str, &Type)> {
    let last = path.segments.last()?;
    let name = ["Arc", "Vec"].into_iter().find(|name| last.ident == name)?;
    let PathArguments::AngleBracketed(arguments) = &last.arguments else { return None };
    match arguments.args.first()? {
        GenericArgument::Type(item) if arguments.args.len() == 1 => Some((name, item)),
        _ => None,
    }
}

/// Whether a value of the type can be held by itself. An `Arc<str>` is held as it is.
fn is_sized(item: &Type) -> bool {
    match item {
        Type::Slice(_) | Type::TraitObject(_) => false,
        Type::Path(path) => !path.path.is_ident("str"),
        _ => true,
    }
}

/// The one name that a pattern binds, or `None` for `_`.
fn named(pattern: &Pat) -> Result<Option<Ident>> {
    match pattern {
        Pat::Wild(_) => Ok(None),
        Pat::Ident(name) if name.by_ref.is_none() && name.subpat.is_none() => Ok(Some(name.ident.clone())),
        _ => Err(Error::new(
            pattern.span(),
            "a task's parameter has a name, by which people see its argument: write a plain name here, and take the \
             value apart in the body",
        )),
    }
}

/// `_x` as `x`; nothing for `_` and for what is a keyword without its underscore.
fn without_underscores(name: &Ident) -> Option<Ident> {
    let text = name.to_string();
    let bare = text.trim_start_matches('_');
    if bare.len() == text.len() {
        return Some(name.clone());
    }
    let mut ident: Ident = syn::parse_str(bare).ok()?;
    ident.set_span(name.span());
    Some(ident)
}

/// Where a type stands, for the words of an error.
#[derive(Clone, Copy)]
pub(crate) enum Place {
    Argument,
    Result,
}

/// Refuses types that borrow, and `impl Trait`, anywhere in a type that is to travel.
pub(crate) fn refuse_borrows(held: &Type, place: Place) -> Result<()> {
    let mut search = Search { place, errors: Errors::default() };
    search.visit_type_mut(&mut held.clone());
    search.errors.finish(())
}

struct Search {
    place: Place,
    errors: Errors,
}

impl VisitMut for Search {
    fn visit_type_reference_mut(&mut self, reference: &mut TypeReference) {
        self.errors.push(Error::new(
            reference.span(),
            match self.place {
                Place::Argument => {
                    "a task's argument can't hold a reference: it may come from another process. Take what owns the value, \
                     as `String` for `&str` and `Vec<T>` for `&[T]`"
                }
                Place::Result => {
                    "a task can't return a reference: its result outlives the call, and may go to another process. Return \
                     what owns the value, as `String` for `&str` and `Vec<T>` for `&[T]`"
                }
            },
        ));
    }

    fn visit_lifetime_mut(&mut self, lifetime: &mut syn::Lifetime) {
        if lifetime.ident != "static" {
            let text = "a value that travels borrows nothing: take and return types without lifetimes";
            self.errors.push(Error::new(lifetime.span(), text));
        }
    }

    fn visit_type_impl_trait_mut(&mut self, node: &mut syn::TypeImplTrait) {
        self.errors.push(Error::new(
            node.span(),
            match self.place {
                Place::Argument => {
                    "a task has one signature, which workers know it by: name the type. For several types, make the function \
                     generic and list them: `#[task(instances(f32, f64))] fn f<T: Trait>(x: T)`"
                }
                Place::Result => "a task has one signature, which workers know it by: name the type that it returns",
            },
        ));
    }

    fn visit_type_fn_ptr_mut(&mut self, _: &mut syn::TypeFnPtr) {
        // Its references are not borrows; that it can't travel is the compiler's to say.
    }

    fn visit_type_mut(&mut self, node: &mut Type) {
        visit_mut::visit_type_mut(self, node);
    }
}

/// Gathers errors, so that one build shows all of a function's.
#[derive(Default)]
pub(crate) struct Errors(Option<Error>);

impl Errors {
    pub(crate) fn push(&mut self, error: Error) {
        match &mut self.0 {
            None => self.0 = Some(error),
            Some(first) => first.combine(error),
        }
    }

    pub(crate) fn ok<T>(&mut self, result: Result<T>) -> Option<T> {
        result.map_err(|error| self.push(error)).ok()
    }

    pub(crate) fn finish<T>(self, value: T) -> Result<T> {
        match self.0 {
            None => Ok(value),
            Some(errors) => Err(errors),
        }
    }
}

#[cfg(test)]
mod tests {
    use quote::ToTokens;
    use syn::parse_quote;

    use super::*;

    fn held(declared: Type) -> (String, &'static str) {
        let (stored, access) = hold(&declared).unwrap();
        let access = match access {
            Access::Owned => "owned",
            Access::Shared => "shared",
            Access::Borrowed => "borrowed",
            Access::BorrowedText => "borrowed text",
            Access::BorrowedSlice => "borrowed slice",
            Access::BorrowedShared => "borrowed shared",
            Access::Shares(_) => "shares",
            Access::BorrowedShares(_) => "borrowed shares",
        };
        (crate::text::text(stored.to_token_stream()).replace("::std::vec::", "").replace("::std::string::", ""), access)
    }

    #[test]
    fn what_is_held_for_each_kind_of_parameter() {
        for (declared, stored, access) in [
            (parse_quote!(i64), "i64", "owned"),
            (parse_quote!(Vec<i64>), "Vec<i64>", "owned"),
            (parse_quote!(&Table), "Table", "borrowed"),
            (parse_quote!(&'_ Table), "Table", "borrowed"),
            (parse_quote!(&[i64]), "Vec<i64>", "borrowed slice"),
            (parse_quote!(&str), "String", "borrowed text"),
            (parse_quote!(Arc<Table>), "Table", "shared"),
            (parse_quote!(std::sync::Arc<Table>), "Table", "shared"),
            (parse_quote!(&Arc<Table>), "Table", "borrowed shared"),
            (parse_quote!(Arc<str>), "Arc<str>", "owned"),
            (parse_quote!(Vec<Arc<Table>>), "Vec<Table>", "shares"),
            (parse_quote!(&[Arc<Table>]), "Vec<Table>", "borrowed shares"),
            (parse_quote!(Cow<'static, str>), "Cow<'static, str>", "owned"),
        ] {
            assert_eq!(held(declared), (stored.to_owned(), access));
        }
    }

    #[test]
    fn what_can_not_travel_is_refused() {
        let refused = |declared: Type, words: &str| {
            let text = hold(&declared).map(drop).expect_err("it was refused").to_string();
            assert!(text.contains(words), "{text}");
        };
        refused(parse_quote!(&mut i64), "return the new one");
        refused(parse_quote!(&'a str), "leave the lifetime out");
        refused(parse_quote!(Option<&str>), "can't hold a reference");
        refused(parse_quote!(Cow<'a, str>), "without lifetimes");
        refused(parse_quote!(impl Fn()), "instances(f32, f64)");
        refused(parse_quote!(&dyn Any), "trait object");
    }

    #[test]
    fn underscores_are_left_to_the_body() {
        let ident = |name: &str| without_underscores(&format_ident!("{name}")).map(|ident| ident.to_string());
        assert_eq!(ident("x").as_deref(), Some("x"));
        assert_eq!(ident("_x").as_deref(), Some("x"));
        assert_eq!(ident("_"), None);
        assert_eq!(ident("_type"), None);
    }
}
