/*
 * Grants as Linux has them: free references in a list threaded through pages of numbers, and a
 * bitmap that says of each whether it is free; one lock over both, taken with interrupts off. Several
 * references can be taken, and given back, at once.
 */
#include <stdlib.h>

#include "bench.h"

#define PER_PAGE (4096 / sizeof(uint32_t))
#define BITS (8 * sizeof(unsigned long))
#define END UINT32_MAX

static struct entry *table;
static uint32_t **pages;
static unsigned long *bitmap;

static volatile uint8_t lock;
static uint32_t head = END;
static unsigned int count;
static void (*volatile when_free)(void);

static inline uint32_t *next(uint32_t reference)
{
	return &pages[reference / PER_PAGE][reference % PER_PAGE];
}

/* Kinder than a queue where others use the machine too. */
static inline uint8_t take_lock(void)
{
	uint8_t before = interrupts_off();

	while (__atomic_exchange_n(&lock, 1, __ATOMIC_ACQUIRE))
		while (lock)
			pause();
	return before;
}

static inline void release_lock(uint8_t before)
{
	__atomic_store_n(&lock, 0, __ATOMIC_RELEASE);
	interrupts_restore(before);
}

/* The first of `wanted` free references, which are linked. */
static API uint32_t take(unsigned int wanted)
{
	uint8_t before = take_lock();
	uint32_t first = head, last = head;

	if (count < wanted)
		abort();
	count -= wanted;
	for (unsigned int n = 0; n < wanted; n++) {
		last = n ? *next(last) : first;
		bitmap[last / BITS] &= ~(1UL << last % BITS);
	}
	head = *next(last);
	*next(last) = END;
	release_lock(before);
	return first;
}

static inline void give_locked(uint32_t reference)
{
	*next(reference) = head;
	head = reference;
	count++;
	bitmap[reference / BITS] |= 1UL << reference % BITS;
	if (when_free)
		when_free();
}

static API void give(uint32_t reference)
{
	uint8_t before = take_lock();

	give_locked(reference);
	release_lock(before);
}

/* Gives back every reference of a list. */
static API void give_all(uint32_t first)
{
	uint8_t before = take_lock();

	for (uint32_t after; first != END; first = after) {
		after = *next(first);
		give_locked(first);
	}
	release_lock(before);
}

static API void grant(uint32_t reference, uint32_t frame, bool read_only)
{
	publish(&table[reference], frame, read_only);
}

/* The reference stays taken. */
static API bool end(uint32_t reference)
{
	return end_access(&table[reference]);
}

void linux_start(struct entry *entries, unsigned int number)
{
	unsigned int frames = (number + PER_PAGE - 1) / PER_PAGE;

	table = entries;
	pages = calloc(frames, sizeof(*pages));
	bitmap = calloc(number / BITS + 1, sizeof(*bitmap));
	if (!pages || !bitmap)
		abort();
	for (unsigned int n = 0; n < frames; n++)
		if (!(pages[n] = malloc(4096)))
			abort();
	for (uint32_t reference = number - 1; reference >= FIRST; reference--)
		give(reference);
}

double linux_bytes_per_reference(void)
{
	return sizeof(uint32_t) + 1.0 / 8;
}

void linux_pairs(size_t pairs)
{
	for (size_t n = 0; n < pairs; n++) {
		uint32_t reference = take(1);

		grant(reference, (uint32_t)n, false);
		if (!end(reference))
			abort();
		give(reference);
	}
}

void linux_batches(size_t batches)
{
	while (batches--) {
		uint32_t first = take(BATCH), reference = first;

		for (uint32_t n = 0; n < BATCH; n++, reference = *next(reference))
			grant(reference, n, false);
		for (reference = first; reference != END; reference = *next(reference))
			if (!end(reference))
				abort();
		give_all(first);
	}
}
