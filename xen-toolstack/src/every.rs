//! One operation in every release, where the argument is the same type in all of them.

/// The operation of each release, in the order of [`Release::ALL`](crate::Release::ALL).
macro_rules! every {
    ($kind:ident::$name:ident) => {
        [
            $crate::raw::v4_17::$kind::$name,
            $crate::raw::v4_18::$kind::$name,
            $crate::raw::v4_19::$kind::$name,
            $crate::raw::v4_20::$kind::$name,
            $crate::raw::v4_21::$kind::$name,
            $crate::raw::v4_22::$kind::$name,
        ]
    };
}
pub(crate) use every;

/// `$body` with `$v` as the module of the release.
macro_rules! for_release {
    ($release:expr, $v:ident => $body:expr) => {
        match $release {
            $crate::Release::V4_17 => {
                use $crate::raw::v4_17 as $v;
                $body
            }
            $crate::Release::V4_18 => {
                use $crate::raw::v4_18 as $v;
                $body
            }
            $crate::Release::V4_19 => {
                use $crate::raw::v4_19 as $v;
                $body
            }
            $crate::Release::V4_20 => {
                use $crate::raw::v4_20 as $v;
                $body
            }
            $crate::Release::V4_21 => {
                use $crate::raw::v4_21 as $v;
                $body
            }
            $crate::Release::V4_22 => {
                use $crate::raw::v4_22 as $v;
                $body
            }
        }
    };
}
pub(crate) use for_release;
