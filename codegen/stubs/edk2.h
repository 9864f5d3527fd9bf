/* EDK II's names of the fixed-width types, as macros: bindgen knows what they stand for. */
#define UINT8 uint8_t
#define UINT16 uint16_t
#define UINT32 uint32_t
#define UINT64 uint64_t
#define INT8 int8_t
#define INT16 int16_t
#define INT32 int32_t
#define INT64 int64_t
#define UINTN unsigned long
#define INTN long
#define CHAR8 char
#define VOID void
#define BOOLEAN uint8_t
/* ... and of the architecture. */
#if defined(__x86_64__)
#define MDE_CPU_X64
#elif defined(__i386__)
#define MDE_CPU_IA32
#endif
