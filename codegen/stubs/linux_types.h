/* The kernel's names of the fixed-width types, as macros: bindgen knows what they stand for. */
#include <stddef.h>
#include <stdint.h>
#include <asm-generic/int-ll64.h>
#define AGREE(theirs, ours) \
	_Static_assert(sizeof(theirs) == sizeof(ours), #theirs); \
	_Static_assert(((theirs)-1 < 0) == ((ours)-1 < 0), #theirs)
AGREE(__u8, uint8_t);
#define __u8 uint8_t
AGREE(__u16, uint16_t);
#define __u16 uint16_t
AGREE(__s16, int16_t);
#define __s16 int16_t
AGREE(__u32, uint32_t);
#define __u32 uint32_t
AGREE(__u64, uint64_t);
#define __u64 uint64_t
#undef AGREE
/* The kernel wraps it into two structures, so that a union may have it; where it lies is the same. */
#define __DECLARE_FLEX_ARRAY(type, name) type name[0]
