/* The kernel's names of the fixed-width types, as macros: bindgen knows what they stand for. */
#include <stddef.h>
#include <stdint.h>
#define __u8 uint8_t
#define __u16 uint16_t
#define __s16 int16_t
#define __u32 uint32_t
#define __u64 uint64_t
/* The kernel wraps it into two structures, so that C++ takes it; where it lies is the same. */
#define __DECLARE_FLEX_ARRAY(type, name) type name[0]
