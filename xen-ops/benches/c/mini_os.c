/*
 * Grants as mini-os has them: free references in a last-in-first-out list inside an array, whose
 * head is its element 0; a counting semaphore says how many there are; interrupts are off while
 * either changes. One processor, no batches.
 */
#include <stdlib.h>

#define ONE_PROCESSOR
#include "bench.h"

static struct entry *table;
static uint32_t *list;
static unsigned int references;

static volatile int count;
static struct waiter { struct waiter *next; } *volatile waiting;

static void down(void)
{
	for (;;) {
		uint8_t before = interrupts_off();

		if (count > 0) {
			count--;
			interrupts_restore(before);
			return;
		}
		interrupts_restore(before);
		/* Others would run here; the benchmark never comes so far. */
		if (!waiting)
			abort();
	}
}

static void up(void)
{
	uint8_t before = interrupts_off();

	count++;
	if (waiting)
		waiting = waiting->next;
	interrupts_restore(before);
}

static uint32_t take(void)
{
	uint32_t reference;
	uint8_t before;

	down();
	before = interrupts_off();
	reference = list[0];
	list[0] = list[reference];
	interrupts_restore(before);
	return reference;
}

static void give(uint32_t reference)
{
	uint8_t before = interrupts_off();

	list[reference] = list[0];
	list[0] = reference;
	interrupts_restore(before);
	up();
}

static API uint32_t grant(uint32_t frame, bool read_only)
{
	uint32_t reference = take();

	publish(&table[reference], frame, read_only);
	return reference;
}

static API bool end(uint32_t reference)
{
	if (!end_access(&table[reference]))
		return false;
	give(reference);
	return true;
}

void mini_os_start(struct entry *entries, unsigned int number)
{
	table = entries;
	references = number;
	list = calloc(number, sizeof(*list));
	if (!list)
		abort();
	for (uint32_t reference = FIRST; reference < number; reference++)
		give(reference);
}

double mini_os_bytes_per_reference(void)
{
	return sizeof(*list);
}

void mini_os_pairs(size_t pairs)
{
	for (size_t n = 0; n < pairs; n++)
		if (!end(grant((uint32_t)n, false)))
			abort();
}

void mini_os_batches(size_t batches)
{
	uint32_t granted[BATCH];

	while (batches--) {
		for (uint32_t n = 0; n < BATCH; n++)
			granted[n] = grant(n, false);
		for (uint32_t n = 0; n < BATCH; n++)
			if (!end(granted[n]))
				abort();
	}
}
