/* The fixed-width types, from the compiler itself: no C library takes part. */
typedef __INT8_TYPE__ int8_t;
typedef __UINT8_TYPE__ uint8_t;
typedef __INT16_TYPE__ int16_t;
typedef __UINT16_TYPE__ uint16_t;
typedef __INT32_TYPE__ int32_t;
typedef __UINT32_TYPE__ uint32_t;
typedef __INT64_TYPE__ int64_t;
typedef __UINT64_TYPE__ uint64_t;
typedef __UINTPTR_TYPE__ uintptr_t;
#if __SIZEOF_LONG__ == 8
#define PRIx64 "lx"
#define PRIu64 "lu"
#else
#define PRIx64 "llx"
#define PRIu64 "llu"
#endif
