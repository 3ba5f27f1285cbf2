/* SPDX-License-Identifier: Apache-2.0 */
/*
 * simulate [--seed N] [--steps N] [--bug NAME | --bugs]
 *
 * Drives the pure core of the job system through seeded random steps and checks the invariants
 * after each.  Every 400 steps all faults end and everything must come to rest.  A failure prints
 * its seed and the shortest list of steps that shrinking finds.  --bugs plants each known bug in
 * turn and demands that it is found.
 */
#include "tests/simulate/world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum
{
    LIFE_STEPS = 400 /* of one world, before it is settled and starts over */
};

struct options
{
    uint64_t seed;
    uint64_t steps;
    enum world_bug bug;
    int all_bugs;
};

static const struct
{
    const char *name;
    const char *what;
} bugs[] = {
#define X(id, name, what) [WORLD_BUG_##id] = {name, what},
    WORLD_BUGS(X)
#undef X
};

/* xorshift64*, Vigna 2014, "An experimental exploration of Marsaglia's xorshift generators". */
static uint32_t next(uint64_t *state)
{
    uint64_t x = *state;
    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    *state = x;
    return (uint32_t)((x * 0x2545F4914F6CDD1DULL) >> 32);
}

/* Runs one life; answers what broke, and after how many steps. */
static const char *run_life(struct world *world, const uint32_t *choices, size_t count, size_t *at)
{
    world_reset(world);
    for (size_t i = 0; i < count; i++)
    {
        const char *broken = world_step(world, choices[i]);
        *at = i + 1;
        if (broken != NULL)
            return broken;
    }
    return world_settle(world);
}

/* Leaves out pieces, large ones first, as long as something still breaks. */
static size_t shrink(struct world *world, uint32_t *choices, size_t count)
{
    uint32_t shorter[LIFE_STEPS];
    for (size_t piece = count / 2; piece > 0; piece /= 2)
    {
        for (size_t from = 0; from + piece <= count;)
        {
            size_t at = 0;
            memcpy(shorter, choices, from * sizeof *choices);
            memcpy(shorter + from, choices + from + piece, (count - from - piece) * sizeof *choices);
            if (run_life(world, shorter, count - piece, &at) == NULL)
            {
                from += piece;
                continue;
            }
            count -= piece;
            memcpy(choices, shorter, count * sizeof *choices);
        }
    }
    return count;
}

static void report(struct world *world, uint64_t seed, uint32_t *choices, size_t count)
{
    size_t at = 0;
    count = shrink(world, choices, count);
    const char *broken = run_life(world, choices, count, &at);
    printf("BROKEN: %s\n  seed of this life: %llu; shrunk to %zu steps:", broken, (unsigned long long)seed,
           count);
    for (size_t i = 0; i < count; i++)
        printf(" %u", choices[i]);
    printf("\n");
}

/* Answers the steps done when it broke, 0 when it held. */
static uint64_t run(struct world *world, const struct options *options, const char **broken)
{
    uint32_t choices[LIFE_STEPS];
    uint64_t done = 0;
    for (uint64_t life = 0; done < options->steps; life++)
    {
        uint64_t seed = options->seed + life;
        uint64_t state = seed * 0x9E3779B97F4A7C15ULL + 1;
        for (size_t i = 0; i < LIFE_STEPS; i++)
            choices[i] = next(&state);
        size_t at = 0;
        *broken = run_life(world, choices, LIFE_STEPS, &at);
        done += at;
        if (*broken == NULL)
            continue;
        report(world, seed, choices, at);
        return done;
    }
    return 0;
}

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static int simulate(const struct options *options)
{
    const char *broken = NULL;
    double began = seconds();
    struct world *world = world_new(options->bug);
    if (world == NULL)
        return EXIT_FAILURE;
    uint64_t at = run(world, options, &broken);
    if (at == 0)
    {
        world_print(world);
        printf("clean: %llu steps from seed %llu in %.1f s\n", (unsigned long long)options->steps,
               (unsigned long long)options->seed, seconds() - began);
    }
    world_free(world);
    return at == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int find_bugs(struct options options)
{
    int missed = 0;
    for (int bug = WORLD_BUG_NONE + 1; bug < WORLD_BUG_COUNT; bug++)
    {
        const char *broken = NULL;
        double began = seconds();
        options.bug = (enum world_bug)bug;
        struct world *world = world_new(options.bug);
        uint64_t at = world == NULL ? 0 : run(world, &options, &broken);
        printf("%s %-22s %s after %llu steps, %.2f s\n", at > 0 ? "caught" : "MISSED", bugs[bug].name,
               at > 0 ? broken : "nothing broke", (unsigned long long)at, seconds() - began);
        missed += at == 0;
        world_free(world);
    }
    printf("%d of %d planted bugs caught\n", WORLD_BUG_COUNT - 1 - missed, WORLD_BUG_COUNT - 1);
    return missed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int read_options(int argc, char **argv, struct options *options)
{
    for (int i = 1; i < argc; i++)
    {
        const char *value = i + 1 < argc ? argv[i + 1] : "";
        if (strcmp(argv[i], "--bugs") == 0)
            options->all_bugs = 1;
        else if (strcmp(argv[i], "--seed") == 0)
            options->seed = strtoull(value, NULL, 10), i++;
        else if (strcmp(argv[i], "--steps") == 0)
            options->steps = strtoull(value, NULL, 10), i++;
        else if (strcmp(argv[i], "--bug") == 0)
        {
            for (int bug = 0; bug < WORLD_BUG_COUNT; bug++)
                if (strcmp(value, bugs[bug].name) == 0)
                    options->bug = (enum world_bug)bug;
            i++;
        }
        else
            return -1;
    }
    return 0;
}

int main(int argc, char **argv)
{
    struct options options = {.seed = 1, .steps = 1000000};
    if (read_options(argc, argv, &options) != 0)
    {
        fprintf(stderr, "usage: simulate [--seed N] [--steps N] [--bug NAME | --bugs]\n");
        return 64;
    }
    return options.all_bugs ? find_bugs(options) : simulate(&options);
}
