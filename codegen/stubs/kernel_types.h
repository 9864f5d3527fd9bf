/* The kernel's names of the fixed-width types, for copies that are read without Linux's headers. */
#ifndef XEN_ABI_TYPES
#define XEN_ABI_TYPES
#include <stddef.h>
#include <stdint.h>
#define u8 uint8_t
#define u16 uint16_t
#define u32 uint32_t
#define u64 uint64_t
#define s8 int8_t
#define s16 int16_t
#define s32 int32_t
#define s64 int64_t
#define __u8 uint8_t
#define __u16 uint16_t
#define __u32 uint32_t
#define __u64 uint64_t
#define __s8 int8_t
#define __s16 int16_t
#define __s32 int32_t
#define __s64 int64_t
#define aligned_u64 uint64_t __attribute__((aligned(8)))
#define bool _Bool
#define __nonstring
/* For the table of names in xs_wire.h, which is no part of the interface: not their values, and no numbers,
   which would be taken for constants of the headers. */
#define E2BIG sizeof(char)
#define EACCES sizeof(char)
#define EAGAIN sizeof(char)
#define EBUSY sizeof(char)
#define EEXIST sizeof(char)
#define EINVAL sizeof(char)
#define EIO sizeof(char)
#define EISCONN sizeof(char)
#define EISDIR sizeof(char)
#define ENOENT sizeof(char)
#define ENOMEM sizeof(char)
#define ENOSPC sizeof(char)
#define ENOSYS sizeof(char)
#define ENOTEMPTY sizeof(char)
#define EPERM sizeof(char)
#define EROFS sizeof(char)
#endif
