//! What may stand in the parentheses of an attribute.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote};
use syn::{
    Error, Ident, LitInt, LitStr, Path, Result, Token,
    ext::IdentExt,
    parse::{ParseStream, Parser},
    parse_quote,
};

/// `#[task(…)]`.
pub(crate) struct TaskOptions {
    /// Where the expansion finds its helpers.
    pub(crate) private: Private,
    pub(crate) name: Option<LitStr>,
    pub(crate) retries: u32,
    pub(crate) priority: i32,
    pub(crate) impure: bool,
    /// What stands in `instances(…)`, and where.
    pub(crate) instances: Option<(Span, TokenStream)>,
}

/// `#[main(…)]` and `#[test(…)]`.
pub(crate) struct EntryOptions {
    pub(crate) private: Private,
    pub(crate) setup: Option<Path>,
}

/// The path of the module that expansions take everything from.
#[derive(Clone)]
pub(crate) struct Private(Path);

impl Default for Private {
    fn default() -> Self {
        Private(parse_quote!(::brisk_client))
    }
}

impl ToTokens for Private {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        let path = &self.0;
        tokens.extend(quote!(#path::__private));
    }
}

impl Private {
    /// The path, of which the compiler speaks as if it stood at `span`.
    pub(crate) fn at(&self, span: Span) -> TokenStream {
        self.respanned(|token| token.located_at(span))
    }

    /// The path as if the user had written it at `span`.
    pub(crate) fn written_at(&self, span: Span) -> TokenStream {
        self.respanned(|_| span)
    }

    fn respanned(&self, span: impl Fn(Span) -> Span) -> TokenStream {
        let respanned = self.to_token_stream().into_iter().map(|mut token| {
            token.set_span(span(token.span()));
            token
        });
        respanned.collect()
    }

    /// Parses `= path`, after `crate`.
    pub(crate) fn parse(input: ParseStream<'_>) -> Result<Self> {
        input.parse::<Token![=]>()?;
        input.call(Path::parse_mod_style).map(Private)
    }
}

/// The span of tokens that the macro makes, of which the compiler should speak as if they stood at `span`. Lints know them
/// for a macro's all the same.
pub(crate) fn located(span: Span) -> Span {
    Span::call_site().located_at(span)
}

impl TaskOptions {
    pub(crate) fn parse(tokens: TokenStream) -> Result<Self> {
        let mut options = TaskOptions {
            private: Private::default(),
            name: None,
            retries: 0,
            priority: 0,
            impure: false,
            instances: None,
        };
        each(tokens, |option, input| {
            match option.to_string().as_str() {
                "crate" => options.private = Private::parse(input)?,
                "name" => options.name = Some(value(input)?),
                "retries" => options.retries = value::<LitInt>(input)?.base10_parse()?,
                "priority" => options.priority = signed(input)?,
                "impure" => options.impure = true,
                "instances" => {
                    let content;
                    syn::parenthesized!(content in input);
                    options.instances = Some((option.span(), content.parse()?));
                }
                _ => {
                    return Err(Error::new(
                        option.span(),
                        format!(
                            "`#[task]` has no option `{option}`; there are `retries = 3`, `priority = 1`, `impure`, \
                             `name = \"other\"`, `instances(f32, f64)` and `crate = path`"
                        ),
                    ));
                }
            }
            Ok(())
        })?;
        Ok(options)
    }

    /// The defaults of each call, as the definition holds them.
    pub(crate) fn defaults(&self) -> TokenStream {
        let TaskOptions { private, retries, priority, impure, .. } = self;
        if *retries == 0 && *priority == 0 && !impure {
            quote!(#private::Defaults::NONE)
        } else {
            quote!(#private::Defaults { retries: #retries, priority: #priority, impure: #impure })
        }
    }
}

/// `#[actor(…)]`.
pub(crate) struct ActorOptions {
    pub(crate) private: Private,
    /// What the handle is called.
    pub(crate) handle: Option<Ident>,
}

impl ActorOptions {
    pub(crate) fn parse(tokens: TokenStream) -> Result<Self> {
        let mut options = ActorOptions { private: Private::default(), handle: None };
        each(tokens, |option, input| {
            match option.to_string().as_str() {
                "crate" => options.private = Private::parse(input)?,
                "handle" => options.handle = Some(value(input)?),
                _ => {
                    let text =
                        format!("`#[actor]` has no option `{option}`; there are `handle = Name` and `crate = path`");
                    return Err(Error::new(option.span(), text));
                }
            }
            Ok(())
        })?;
        Ok(options)
    }
}

impl EntryOptions {
    /// Parses the options of the attribute called `attribute`, which takes `setup` if `with_setup`.
    pub(crate) fn parse(tokens: TokenStream, attribute: &str, with_setup: bool) -> Result<Self> {
        let mut options = EntryOptions { private: Private::default(), setup: None };
        let known = if with_setup { "there are `setup = f` and `crate = path`" } else { "there is `crate = path`" };
        each(tokens, |option, input| {
            match option.to_string().as_str() {
                "crate" => options.private = Private::parse(input)?,
                "setup" if with_setup => {
                    input.parse::<Token![=]>()?;
                    options.setup = Some(input.parse()?);
                }
                _ => {
                    let text = format!("`#[{attribute}]` has no option `{option}`; {known}");
                    return Err(Error::new(option.span(), text));
                }
            }
            Ok(())
        })?;
        Ok(options)
    }
}

/// Calls `parse` for each option of a list, with the option's name; each may be given once.
fn each(tokens: TokenStream, mut parse: impl FnMut(&Ident, ParseStream<'_>) -> Result<()>) -> Result<()> {
    let mut seen: Vec<Ident> = Vec::new();
    let list = |input: ParseStream<'_>| {
        while !input.is_empty() {
            let option = input.call(Ident::parse_any)?;
            if seen.contains(&option) {
                return Err(Error::new(option.span(), format!("the option `{option}` is given twice")));
            }
            parse(&option, input)?;
            seen.push(option);
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        Ok(())
    };
    list.parse2(tokens)
}

fn value<T: syn::parse::Parse>(input: ParseStream<'_>) -> Result<T> {
    input.parse::<Token![=]>()?;
    input.parse()
}

fn signed(input: ParseStream<'_>) -> Result<i32> {
    input.parse::<Token![=]>()?;
    let minus = input.parse::<Option<Token![-]>>()?;
    let digits: LitInt = input.parse()?;
    let number: i64 = digits.base10_parse()?;
    i32::try_from(if minus.is_some() { -number } else { number })
        .map_err(|_| Error::new(digits.span(), "a priority is a 32-bit number"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(tokens: TokenStream) -> String {
        TaskOptions::parse(tokens).map(drop).expect_err("it was refused").to_string()
    }

    #[test]
    fn options_are_read() {
        let options = TaskOptions::parse(quote!(retries = 3, priority = -1, impure, name = "other",)).unwrap();
        assert_eq!((options.retries, options.priority, options.impure), (3, -1, true));
        assert_eq!(options.name.unwrap().value(), "other");
        let private = TaskOptions::parse(quote!(crate = a::b)).unwrap().private;
        assert_eq!(private.to_token_stream().to_string(), "a :: b :: __private");
    }

    #[test]
    fn mistakes_are_told() {
        assert!(error(quote!(retry = 3)).contains("no option `retry`; there are `retries = 3`"));
        assert!(error(quote!(impure, impure)).contains("given twice"));
        assert!(error(quote!(priority = 3_000_000_000)).contains("32-bit"));
        TaskOptions::parse(quote!(retries = -1)).map(drop).expect_err("retries are not negative");
    }
}
