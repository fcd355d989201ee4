/* The composer's hot functions: what is told to the network, what a player may do, drawing, echoes, layers, listening.
 *
 * The Python modules of the same functions (context, rules, drawing, echoes, runtime, critic) document them and hold
 * every table and constant; kernel.py hands those over once, in `kernel_tell`, and checks that the columns named here
 * are the columns named there. Everything is whole numbers, of which the sums are exact whatever the order, so that equal
 * seeds give equal notes on every machine. The one true rounding is in `draw`: plain IEEE doubles, which is why this
 * is built without contraction and without -ffast-math.
 *
 * Arrays are C-contiguous: notes int32 (events, 5), plan int32 (bars, PLAN_COLUMNS), masks one byte a class.
 * Callers pass arrays of the right kind and size; nothing is allocated here, and only `kernel_tell` writes shared
 * memory.
 */

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#if defined(__x86_64__) && defined(__GNUC__) && !defined(PORTABLE)
#include <immintrin.h>
#define AVX2 1
#endif

enum { ONSET, ADVANCE, PART, PITCH, DURATION, NOTE };
enum { BAR_LENGTH, PICKUP, BARS, METRE }; /* of Frame.numbers(); mode, instrument and parts follow the metre */
enum { PLAN_REPEAT, PLAN_BACK, PLAN_TRAITS, PLAN_COLUMNS = 7 };
enum { COUNT, DONE, FORCED, FORCED_END, SHIFT, EARLIEST, BAR, DRAWN, NEXT_ADVANCE, NEXT_PITCH, STATE };
enum { LOW, HIGH, VOICES, HANDS, SPAN, CLEAR_BELOW, CLEAR, GAP, EQUAL, FINAL, BAR_STEPS, LAST_DURATION, LONGEST,
       MINOR, PEDAL, FIGURE_NOTES, ROUNDS };
enum { NOTES, LAST_ONSET, LAST_PITCH, LAST_GAP, RUN, TOKENS, FIRST_TOKEN };

/* Columns of INPUT_FIELDS, PART_FIELDS, PITCH_FIELDS and DURATION_FIELDS. */
enum { IN_LAST, IN_POSITION = 4, IN_STRENGTH, IN_BAR, IN_BARS_LEFT, IN_FRAME, IN_REPEAT = 12, IN_NEXT_REPEAT, IN_TRAITS,
       IN_BASS = 19, IN_TOP, IN_TOP_BEFORE, IN_SOUNDING, IN_NEXT_END, IN_LOOK_BACK, IN_MOTIF = 34, IN_COLUMNS = 46 };
enum { PART_ADVANCE, PART_POSITION, PART_BEFORE, PART_LOOK_BACK, PART_COLUMNS = 7 };
enum { PITCH_ADVANCE, PITCH_POSITION, PITCH_STRENGTH, PITCH_PART, PITCH_BELOW, PITCH_BEFORE, PITCH_LOOK_BACK,
       PITCH_MOTIF = 11, PITCH_COLUMNS = 15 };
enum { DUR_ADVANCE, DUR_PART, DUR_PITCH, DUR_POSITION, DUR_BELOW, DUR_LOOK_BACK, DUR_MOTIF = 10,
       DUR_COLUMNS = 14 };

/* In the order in which kernel.py names them. */
static const int64_t COLUMNS[] = {
    ONSET, ADVANCE, PART, PITCH, DURATION,
    PLAN_COLUMNS,
    COUNT, DONE, FORCED, FORCED_END, SHIFT, EARLIEST, BAR, DRAWN, NEXT_ADVANCE, NEXT_PITCH, STATE,
    LOW, HIGH, VOICES, HANDS, SPAN, CLEAR_BELOW, CLEAR, GAP, EQUAL, FINAL, BAR_STEPS, LAST_DURATION, LONGEST, MINOR,
    PEDAL, FIGURE_NOTES, ROUNDS,
    NOTES, LAST_ONSET, LAST_PITCH, LAST_GAP, RUN, TOKENS, FIRST_TOKEN,
    IN_LAST, IN_POSITION, IN_STRENGTH, IN_BAR, IN_BARS_LEFT, IN_FRAME, IN_REPEAT, IN_NEXT_REPEAT, IN_TRAITS, IN_BASS,
    IN_TOP, IN_TOP_BEFORE, IN_SOUNDING, IN_NEXT_END, IN_LOOK_BACK, IN_MOTIF, IN_COLUMNS,
    PART_ADVANCE, PART_POSITION, PART_BEFORE, PART_LOOK_BACK, PART_COLUMNS,
    PITCH_ADVANCE, PITCH_POSITION, PITCH_STRENGTH, PITCH_PART, PITCH_BELOW, PITCH_BEFORE, PITCH_LOOK_BACK,
    PITCH_MOTIF, PITCH_COLUMNS,
    DUR_ADVANCE, DUR_PART, DUR_PITCH, DUR_POSITION, DUR_BELOW, DUR_LOOK_BACK, DUR_MOTIF, DUR_COLUMNS,
};

/* Where the families of leanings.FAMILIES begin. */
enum { MOVES = 9 * 3 * 2, CHAINS = 7, RUNS = 5, ZONES = 3 };
enum { STRUCK, HELD = STRUCK + 7, OVER = HELD + 7, UNDER = OVER + MOVES, AGAIN = UNDER + MOVES,
       FOLLOWS = AGAIN + 2 * 2, PAST_HELD = FOLLOWS + 2 * 4, GROWS = PAST_HELD + 2 * 3, JOINS = GROWS + 4 * 2,
       LANDS = JOINS + 2 * 3, ON_TIME = LANDS + 5, CROSSES = ON_TIME + 2 * 3, LENGTH = CROSSES + 2 };
/* The same, counted from the end of the durations' classes on. */
enum { RETURNS, ADDED = RETURNS + 4 * CHAINS, AGAINST = ADDED + MOVES, MAKES = AGAINST + 3,
       FILLS = MAKES + 3 * 3 + 2, TURNS = FILLS + 3 * 3, STRAYS = TURNS + 2 * RUNS * 2,
       LATER = STRAYS + 2 * ZONES * 3 };

/* Outputs of a layer whose weights lie together, and candidates that share what is loaded of them. */
enum { PANEL = 16, SIDE = 4 };

/* Room on the stack; `kernel_tell` refuses constants that need more. */
enum { MOST_CLASSES = 128, MOST_SOUNDING = 64, MOST_LINE = 32, MOST_MOVES = 192 };

/* What Python tells; the same fields in the same order in kernel.py. */
typedef struct {
    int64_t end, durations, pitches, lowest_pitch, exact;
    int64_t no_event, no_part, no_pitch, no_duration;
    int64_t lags, positions, longest_hold, search, sounding;
    int64_t shortest_motif, longest_motif, shortest_figure, longest_figure, motifs;
    int64_t most_shingles, shingle, line, outer_search, ratio_classes, widest, step, longest_gap;
    int64_t longest_advance, exp_count, limit, mille, panel, leanings;
    uint64_t multiplier, mix1, mix2;
    double unit, to_steps, cell_to_steps, to_cell, to_hidden;
    const int64_t *columns, *lag, *advance_steps, *duration_steps;
    const int64_t *advance_classes; /* nearest class of 0 ... longest_advance steps */
    const int64_t *class_of;        /* class of exactly so many steps, or -1 */
    const int64_t *exp;
    const float *tanh, *sigmoid;    /* arguments -limit ... limit */
    const int16_t *hidden_tanh;     /* the same, as hidden states */
} Told;

/* What an outer line did when it last moved as it has just moved: how many moves that was (0: too few), and what came
 * next there, carried over to where the line is now. */
typedef struct { int64_t moves, onset, pitch, duration; } Motif;

/* Of the top line and the bass their motifs, then their figures: what they are in after the last note (`now`) and after
 * the onset before it (`before`), which is what a note added to the last onset goes by. */
enum { FIGURE = 2, MOTIFS = 4 };

/* An outer line up to the onset before the last one: how many notes it had, and the last of them in a ring. */
enum { REMEMBERED = 128 };
typedef struct { int64_t notes; struct { int32_t onset, pitch; } ring[REMEMBERED]; } Line;

typedef struct { Motif now[MOTIFS], before[MOTIFS]; Line lines[2]; } Motifs;

static Told K;

/* Take over tables and constants. Returns 0, or what is wrong: 1 the struct, 2 a column, 3 a size. */
int64_t kernel_tell(const Told *told, int64_t size, int64_t columns)
{
    if (size != (int64_t)sizeof K)
        return 1;
    if (columns != (int64_t)(sizeof COLUMNS / sizeof COLUMNS[0])
        || memcmp(told->columns, COLUMNS, sizeof COLUMNS) != 0)
        return 2;
    if (told->end + 1 > MOST_CLASSES || told->pitches > MOST_CLASSES || told->durations > MOST_CLASSES
        || told->panel != PANEL || told->leanings != LENGTH + told->durations + LATER
        || told->sounding > MOST_SOUNDING || told->line > MOST_LINE
        || told->line != FIRST_TOKEN + told->shingle - 1 || told->lags != (IN_MOTIF - IN_LOOK_BACK) / 2 - 1
        || told->longest_motif >= MOST_MOVES || told->shortest_motif < 1 || told->longest_figure >= MOST_MOVES
        || told->shortest_figure < 1 || told->motifs * (int64_t)sizeof(int64_t) != (int64_t)sizeof(Motifs))
        return 3;
    K = *told;
    return 0;
}

static inline int64_t at_least(int64_t a, int64_t b) { return a > b ? a : b; }
static inline int64_t at_most(int64_t a, int64_t b) { return a < b ? a : b; }

/* Division that rounds down, as Python's; C's rounds towards zero. `b` is positive. */
static inline int64_t floor_div(int64_t a, int64_t b) { return a / b - (a % b < 0); }

static inline const int32_t *note(const int32_t *notes, int64_t index) { return notes + index * NOTE; }

/* ------------------------------------------------------------------ context: what the network is told */

static int64_t first_after(const int32_t *notes, int64_t count, int64_t onset, int64_t pitch)
{
    int64_t key = onset * 128 + pitch, low = 0, high = count;
    while (low < high) {
        int64_t middle = (low + high) / 2;
        const int32_t *one = note(notes, middle);
        if ((int64_t)one[ONSET] * 128 + one[PITCH] > key)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

/* The lowest note above `floor` that begins at `onset`, or NULL. */
static const int32_t *starting_at(const int32_t *notes, int64_t count, int64_t onset, int64_t floor)
{
    if (onset < 0)
        return NULL;
    int64_t index = first_after(notes, count, onset, floor);
    return index < count && note(notes, index)[ONSET] == onset ? note(notes, index) : NULL;
}

/* Advance and pitch of the event that came after `pitch` at `onset`. */
static void followed(const int32_t *notes, int64_t count, int64_t onset, int64_t pitch, int32_t *out)
{
    out[0] = (int32_t)K.no_event;
    out[1] = (int32_t)K.no_pitch;
    if (onset < 0)
        return;
    int64_t index = first_after(notes, count, onset, pitch);
    if (index < count) {
        const int32_t *one = note(notes, index);
        out[0] = (int32_t)K.advance_classes[at_most(one[ONSET] - onset, K.longest_advance)];
        out[1] = one[PITCH];
    }
}

/* Where an onset lies: its bar (-1 in a pick-up) and the grid steps from the bar line. */
typedef struct { int64_t bar, position; } Place;

static Place place_of(int64_t onset, const int32_t *numbers)
{
    int64_t place = onset - numbers[PICKUP];
    int64_t bar = floor_div(place, numbers[BAR_LENGTH]);
    return (Place){bar, place - bar * numbers[BAR_LENGTH]};
}

/* The onset at which look-back number `which` begins that is paired with `onset`; -1 if there is none. The last
 * one looks at the bar that the present one is planned to repeat. */
static int64_t looked_back(int64_t which, int64_t onset, int64_t bar, const int32_t *numbers, const int32_t *plan)
{
    int64_t bars = 0;
    if (which < K.lags)
        bars = K.lag[which];
    else if (bar >= 0 && bar < numbers[BARS])
        bars = plan[bar * PLAN_COLUMNS + PLAN_BACK];
    return bars ? onset - bars * numbers[BAR_LENGTH] : -1;
}

static int64_t last_onset(const int32_t *notes, int64_t count) { return count ? note(notes, count - 1)[ONSET] : 0; }

static int32_t position_class(int64_t position) { return (int32_t)at_most(position, K.positions - 1); }

static void fill_sounding(const int32_t *notes, int64_t count, int64_t onset, int32_t *out)
{
    out[IN_BASS] = out[IN_TOP] = out[IN_TOP_BEFORE] = (int32_t)K.no_pitch;
    int64_t index = count - 1;
    for (; index >= 0 && note(notes, index)[ONSET] == onset; index--)
        out[IN_BASS] = note(notes, index)[PITCH];
    for (int column = IN_TOP; column <= IN_TOP_BEFORE && index >= 0; column++) {
        int32_t earlier = note(notes, index)[ONSET];
        out[column] = note(notes, index)[PITCH];
        while (index >= 0 && note(notes, index)[ONSET] == earlier)
            index--;
    }
    int64_t sounding = 0, soonest = K.longest_hold + 1;
    for (index = at_least(0, count - K.search); index < count; index++) {
        int64_t left = note(notes, index)[ONSET] + K.duration_steps[note(notes, index)[DURATION]] - onset;
        if (left > 0) {
            sounding++;
            soonest = at_most(soonest, left);
        }
    }
    out[IN_SOUNDING] = (int32_t)at_most(sounding, 7);
    out[IN_NEXT_END] = (int32_t)(sounding ? soonest : 0);
}

/* A note of an outer line, and the same note as a step of the scale: 7 an octave, with what raises or lowers it. */
typedef struct { int32_t onset, pitch, duration, degree, raised; } Tone;

static Tone tone_of(const int32_t *one)
{
    static const int8_t degree[12] = {0, 0, 1, 2, 2, 3, 3, 4, 4, 5, 6, 6};
    static const int8_t raised[12] = {0, 1, 0, -1, 0, 0, 1, 0, 1, 0, -1, 0};
    int64_t pitch = one[PITCH] + K.lowest_pitch;
    return (Tone){one[ONSET], one[PITCH], one[DURATION], (int32_t)(pitch / 12 * 7) + degree[pitch % 12],
                  raised[pitch % 12]};
}

/* The pitch class of a tone moved by some steps of the scale, or no_pitch. */
static int64_t carried(Tone tone, int64_t steps)
{
    static const int8_t natural[7] = {0, 2, 4, 5, 7, 9, 11};
    if (steps == 0)
        return tone.pitch;
    int64_t degree = tone.degree + steps;
    if (degree < 0)
        return K.no_pitch;
    int64_t pitch = degree / 7 * 12 + natural[degree % 7] + tone.raised - K.lowest_pitch;
    return pitch >= 0 && pitch < K.pitches ? pitch : K.no_pitch;
}

/* The motif among some moves (the newest first) between tones (likewise): the longest likeness, the latest of equals. */
static Motif motif_among(const Tone *line, const int64_t *moves, int64_t made, int64_t shortest, int64_t longest)
{
    int64_t best = 0, at = 0;
    for (int64_t start = 1; start < made && best < longest; start++) {
        int64_t alike = 0;
        while (alike < longest && start + alike < made && moves[start + alike] == moves[alike])
            alike++;
        if (alike > best) {
            best = alike;
            at = start;
        }
    }
    if (best < shortest)
        return (Motif){0, -1, K.no_pitch, K.no_duration};
    Tone next = line[at - 1];
    return (Motif){best, line[0].onset + next.onset - line[at].onset, carried(next, line[0].degree - line[at].degree),
                   next.duration};
}

/* Motif and figure of the highest or lowest notes of all onsets. Moves of a motif are alike if they take as long and go
 * as many steps of the scale, those of a figure if they take as long and go the same way. */
static void line_motifs(const int32_t *notes, int64_t count, bool top, Motif *motif, Motif *figure)
{
    Tone line[MOST_MOVES + 1]; /* the newest first */
    int64_t tones = 0, index = count - 1;
    while (index >= 0 && tones <= MOST_MOVES) {
        int64_t last = index, onset = note(notes, index)[ONSET];
        while (index >= 0 && note(notes, index)[ONSET] == onset)
            index--;
        line[tones++] = tone_of(note(notes, top ? last : index + 1));
    }
    int64_t steps[MOST_MOVES], ways[MOST_MOVES], made = at_least(0, tones - 1);
    for (int64_t move = 0; move < made; move++) {
        int64_t time = (int64_t)(line[move].onset - line[move + 1].onset) * 1024;
        int32_t up = line[move].pitch - line[move + 1].pitch;
        steps[move] = time + line[move].degree - line[move + 1].degree;
        ways[move] = time + (up > 0) - (up < 0);
    }
    *motif = motif_among(line, steps, made, K.shortest_motif, K.longest_motif);
    *figure = motif_among(line, ways, made, K.shortest_figure, K.longest_figure);
}

/* Add the outermost note of the last onset of `count` notes to a line (sign 1: the top, -1: the bass) if nothing sounds
 * beyond it, as originality.lines has it. */
static void extend(Line *line, const int32_t *notes, int64_t count, int64_t sign)
{
    int64_t last = count - 1, index = last, onset = last_onset(notes, count);
    while (index >= 0 && note(notes, index)[ONSET] == onset)
        index--;
    const int32_t *outer = note(notes, sign > 0 ? last : index + 1);
    for (int64_t held = index; held >= 0 && held > index - K.sounding; held--)
        if (note(notes, held)[ONSET] + K.duration_steps[note(notes, held)[DURATION]] > onset
            && note(notes, held)[PITCH] * sign > outer[PITCH] * sign)
            return;
    int64_t place = line->notes++ % REMEMBERED;
    line->ring[place].onset = outer[ONSET];
    line->ring[place].pitch = outer[PITCH];
}

/* Follow the lines to the last of `count` notes; called after each note in turn. */
static void follow_motifs(const int32_t *notes, int64_t count, Motifs *motifs)
{
    if (count && (count == 1 || note(notes, count - 1)[ONSET] > note(notes, count - 2)[ONSET])) {
        memcpy(motifs->before, motifs->now, sizeof motifs->now);
        for (int64_t line = 0; count > 1 && line < 2; line++)
            extend(&motifs->lines[line], notes, count - 1, line ? -1 : 1);
    }
    for (int64_t line = 0; line < FIGURE; line++)
        line_motifs(notes, count, line == 0, &motifs->now[line], &motifs->now[FIGURE + line]);
}

/* What the lines go on with if that begins at `onset`: pitches, or for a chosen `pitch` (not -1) durations. */
static void fill_motifs(const Motifs *motifs, bool chord, int64_t onset, int64_t pitch, int32_t *out)
{
    for (int64_t which = 0; which < MOTIFS; which++) {
        Motif motif = chord ? motifs->before[which] : motifs->now[which];
        bool now = motif.moves > 0 && motif.onset == onset;
        if (pitch < 0)
            out[which] = (int32_t)(now ? motif.pitch : K.no_pitch);
        else
            out[which] = (int32_t)(now && motif.pitch == pitch ? motif.duration : K.no_duration);
    }
}

static void inputs(const int32_t *notes, int64_t count, const int32_t *numbers, const int32_t *weights,
                   const int32_t *plan, Motifs *motifs, int32_t *out)
{
    int64_t onset = last_onset(notes, count), bars = numbers[BARS];
    Place at = place_of(onset, numbers);
    if (count) {
        memcpy(out + IN_LAST, note(notes, count - 1) + ADVANCE, 4 * sizeof *out);
    } else {
        out[IN_LAST] = (int32_t)K.no_event;
        out[IN_LAST + 1] = (int32_t)K.no_part;
        out[IN_LAST + 2] = (int32_t)K.no_pitch;
        out[IN_LAST + 3] = (int32_t)K.no_duration;
    }
    out[IN_POSITION] = position_class(at.position);
    out[IN_STRENGTH] = weights[at.position];
    out[IN_BAR] = (int32_t)(at.bar - floor_div(at.bar, 8) * 8);
    out[IN_BARS_LEFT] = (int32_t)at_most(15, at_least(0, bars - 1 - at.bar));
    memcpy(out + IN_FRAME, numbers + METRE, 4 * sizeof *out);
    int64_t told = at_most(at_least(at.bar, 0), bars - 1);
    out[IN_REPEAT] = plan[told * PLAN_COLUMNS + PLAN_REPEAT];
    out[IN_NEXT_REPEAT] = plan[at_most(told + 1, bars - 1) * PLAN_COLUMNS + PLAN_REPEAT];
    memcpy(out + IN_TRAITS, plan + told * PLAN_COLUMNS + PLAN_TRAITS, (IN_BASS - IN_TRAITS) * sizeof *out);
    fill_sounding(notes, count, onset, out);
    int64_t pitch = count ? note(notes, count - 1)[PITCH] : -1;
    for (int64_t which = 0; which <= K.lags; which++)
        followed(notes, count, looked_back(which, onset, at.bar, numbers, plan), pitch, out + IN_LOOK_BACK + 2 * which);
    follow_motifs(notes, count, motifs);
    for (int64_t which = 0; which < MOTIFS; which++) {
        const Motif *motif = &motifs->now[which];
        int32_t *told_of = out + IN_MOTIF + 3 * which;
        int64_t shortest = which < FIGURE ? K.shortest_motif : K.shortest_figure;
        told_of[0] = (int32_t)(motif->moves ? motif->moves + 1 - shortest : 0);
        told_of[1] = (int32_t)(motif->moves ? K.advance_classes[at_most(motif->onset - onset, K.longest_advance)]
                                            : K.no_event);
        told_of[2] = (int32_t)motif->pitch;
    }
}

static void part_inputs(const int32_t *notes, int64_t count, const int32_t *numbers, int64_t advance, int32_t *out)
{
    int64_t onset = last_onset(notes, count) + K.advance_steps[advance];
    int64_t floor = advance == 0 && count ? note(notes, count - 1)[PITCH] : -1;
    out[PART_ADVANCE] = (int32_t)advance;
    out[PART_POSITION] = position_class(place_of(onset, numbers).position);
    out[PART_BEFORE] = count ? note(notes, count - 1)[PART] : (int32_t)K.no_part;
    for (int64_t which = 0; which < K.lags; which++) {
        const int32_t *one = starting_at(notes, count, onset - K.lag[which] * numbers[BAR_LENGTH], floor);
        out[PART_LOOK_BACK + which] = one ? one[PART] : (int32_t)K.no_part;
    }
}

static void pitch_inputs(const int32_t *notes, int64_t count, const int32_t *numbers, const int32_t *weights,
                         const int32_t *plan, const Motifs *motifs, int64_t advance, int64_t part, int32_t *out)
{
    int64_t onset = last_onset(notes, count) + K.advance_steps[advance];
    Place at = place_of(onset, numbers);
    bool same = advance == 0 && count > 0;
    int64_t floor = same ? note(notes, count - 1)[PITCH] : -1;
    out[PITCH_ADVANCE] = (int32_t)advance;
    out[PITCH_POSITION] = position_class(at.position);
    out[PITCH_STRENGTH] = weights[at.position];
    out[PITCH_PART] = (int32_t)part;
    out[PITCH_BELOW] = (int32_t)(same ? floor : K.no_pitch);
    out[PITCH_BEFORE] = (int32_t)K.no_pitch;
    for (int64_t index = count - 1; index >= at_least(0, count - K.search); index--) {
        if (note(notes, index)[PART] == part) {
            out[PITCH_BEFORE] = note(notes, index)[PITCH];
            break;
        }
    }
    for (int64_t which = 0; which <= K.lags; which++) {
        const int32_t *one = starting_at(notes, count, looked_back(which, onset, at.bar, numbers, plan), floor);
        out[PITCH_LOOK_BACK + which] = one ? one[PITCH] : (int32_t)K.no_pitch;
    }
    fill_motifs(motifs, same, onset, -1, out + PITCH_MOTIF);
}

static void duration_inputs(const int32_t *notes, int64_t count, const int32_t *numbers, const int32_t *plan,
                            const Motifs *motifs, int64_t advance, int64_t part, int64_t pitch, int32_t *out)
{
    int64_t onset = last_onset(notes, count) + K.advance_steps[advance];
    Place at = place_of(onset, numbers);
    out[DUR_ADVANCE] = (int32_t)advance;
    out[DUR_PART] = (int32_t)part;
    out[DUR_PITCH] = (int32_t)pitch;
    out[DUR_POSITION] = position_class(at.position);
    out[DUR_BELOW] = advance == 0 && count ? note(notes, count - 1)[DURATION] : (int32_t)K.no_duration;
    for (int64_t which = 0; which <= K.lags; which++) {
        int64_t before = looked_back(which, onset, at.bar, numbers, plan);
        const int32_t *one = starting_at(notes, count, before, pitch - 1);
        if (!one)
            one = starting_at(notes, count, before, -1);
        out[DUR_LOOK_BACK + which] = one ? one[DURATION] : (int32_t)K.no_duration;
    }
    fill_motifs(motifs, advance == 0 && count > 0, onset, pitch, out + DUR_MOTIF);
}

void fill_rows(const int32_t *notes, int64_t count, const int32_t *numbers, const int32_t *weights, const int32_t *plan,
               int32_t *whole, int32_t *part, int32_t *pitch, int32_t *duration)
{
    Motifs motifs = {0};
    for (int64_t done = 0; done < count; done++) {
        const int32_t *next = note(notes, done);
        int64_t advance = next[ADVANCE], player = next[PART];
        inputs(notes, done, numbers, weights, plan, &motifs, whole + done * IN_COLUMNS);
        part_inputs(notes, done, numbers, advance, part + done * PART_COLUMNS);
        pitch_inputs(notes, done, numbers, weights, plan, &motifs, advance, player, pitch + done * PITCH_COLUMNS);
        duration_inputs(notes, done, numbers, plan, &motifs, advance, player, next[PITCH],
                        duration + done * DUR_COLUMNS);
    }
    inputs(notes, count, numbers, weights, plan, &motifs, whole + count * IN_COLUMNS);
}

/* ------------------------------------------------------------------ rules: what a player can do */

/* Set classes `from` up to, but not including, `to`, as far as there are such pitches. */
static void set_pitches(uint8_t *mask, int64_t from, int64_t to, uint8_t value)
{
    from = at_least(from, 0);
    to = at_most(to, K.pitches);
    if (from < to)
        memset(mask + from, value, (size_t)(to - from));
}

static bool any_of(const uint8_t *mask, int64_t count) { return memchr(mask, 1, (size_t)count) != NULL; }

static int64_t end_of(const int32_t *one) { return one[ONSET] + K.duration_steps[one[DURATION]]; }

/* Put `value` into the sorted `values`. */
static void insert(int64_t *values, int64_t count, int64_t value)
{
    for (; count > 0 && values[count - 1] > value; count--)
        values[count] = values[count - 1];
    values[count] = value;
}

/* When the notes end that sound past `onset`, sorted. */
static int64_t ends_after(const int32_t *notes, int64_t count, int64_t onset, int64_t *ends)
{
    int64_t found = 0;
    for (int64_t index = at_least(0, count - K.sounding); index < count; index++)
        if (end_of(note(notes, index)) > onset)
            insert(ends, found++, end_of(note(notes, index)));
    return found;
}

/* The tonic in the bass, its triad above. */
static bool belongs_to_end(int64_t pitch, bool minor, bool chord)
{
    int64_t degree = (pitch + K.lowest_pitch + 12 - (minor ? 9 : 0)) % 12;
    return degree == 0 || (chord && (degree == (minor ? 3 : 4) || degree == 7));
}

/* Pitches that the player's hands can add to what they hold (sorted). */
static void allow_by_hand(const int64_t *held, int64_t holding, const int64_t *law, uint8_t *out)
{
    int64_t span = law[SPAN], last = holding - 1;
    memset(out, holding == 0, (size_t)K.pitches);
    if (holding == 0)
        return;
    if (law[HANDS] == 1) {
        set_pitches(out, held[last] - span, held[0] + span + 1, 1);
        return;
    }
    /* the left hand holds the notes below `split`, the right one those from it on */
    for (int64_t split = 0; split <= holding; split++) {
        if (split && held[split - 1] - held[0] > span)
            continue;
        if (split < holding && held[last] - held[split] > span)
            continue;
        if (split == 0 || split == holding) {
            memset(out, 1, (size_t)K.pitches);
            return;
        }
        set_pitches(out, held[split - 1] - span, held[0] + span + 1, 1);
        set_pitches(out, held[last] - span, held[split] + span + 1, 1);
    }
}

/* Pitches that the player can add to what is held (sorted): by hand, or the lowest of all with the feet. */
static void allow_reachable(const int64_t *held, int64_t holding, const int64_t *law, uint8_t *out)
{
    allow_by_hand(held, holding, law, out);
    if (!holding || law[PEDAL] < 0)
        return;
    uint8_t besides[MOST_CLASSES];
    if (any_of(out, K.pitches)) /* the hands hold it all: the feet are free */
        set_pitches(out, 0, at_most(held[0], law[PEDAL]) + 1, 1);
    if (held[0] > law[PEDAL])
        return;
    allow_by_hand(held + 1, holding - 1, law, besides);
    for (int64_t pitch = held[0] + 1; pitch < K.pitches; pitch++)
        out[pitch] |= besides[pitch];
}

/* Forbid the pitch with which a figure of a few notes would go round once more than is allowed. */
static void forbid_rounds(const int32_t *notes, int64_t count, const int64_t *law, uint8_t *out)
{
    for (int64_t period = 1; period <= law[FIGURE_NOTES]; period++) {
        int64_t length = period == 1 ? law[EQUAL] : period * law[ROUNDS], first = count - length;
        bool round = first >= 0;
        for (int64_t index = first + period; round && index < count; index++)
            round = note(notes, index)[PITCH] == note(notes, index - period)[PITCH]
                    && (period == 1 || note(notes, index)[ADVANCE] == note(notes, index - period)[ADVANCE]);
        if (round && length)
            out[note(notes, count - period)[PITCH]] = 0;
    }
}

void allow_pitches(const int32_t *notes, const int64_t *state, const int64_t *law, int64_t onset, bool chord,
                   uint8_t *out)
{
    int64_t held[MOST_SOUNDING], holding = 0, count = state[COUNT];
    for (int64_t index = at_least(0, count - K.sounding); index < count; index++)
        if (end_of(note(notes, index)) > onset)
            insert(held, holding++, note(notes, index)[PITCH]);
    allow_reachable(held, holding, law, out);
    set_pitches(out, 0, law[LOW], 0);
    set_pitches(out, law[HIGH] + 1, K.pitches, 0);
    for (int64_t index = 0; index < holding; index++) {
        out[held[index]] = 0;
        set_pitches(out, held[index] - law[CLEAR] + 1, at_most(held[index], law[CLEAR_BELOW]), 0);
        if (held[index] < law[CLEAR_BELOW])
            set_pitches(out, held[index], held[index] + law[CLEAR], 0);
    }
    if (chord)
        set_pitches(out, 0, note(notes, count - 1)[PITCH] + 1, 0);
    if (onset == law[FINAL]) {
        for (int64_t pitch = 0; pitch < K.pitches; pitch++)
            out[pitch] &= belongs_to_end(pitch, law[MINOR] != 0, chord);
    } else if (!chord) {
        forbid_rounds(notes, count, law, out);
    }
}

static bool chord_may_grow(const int32_t *notes, const int64_t *state, const int64_t *law)
{
    int64_t ends[MOST_SOUNDING], onset = last_onset(notes, state[COUNT]);
    if (ends_after(notes, state[COUNT], onset, ends) >= law[VOICES])
        return false;
    uint8_t room[MOST_CLASSES];
    allow_pitches(notes, state, law, onset, true, room);
    return any_of(room, K.pitches);
}

void allow_advances(const int32_t *notes, const int64_t *state, const int64_t *law, int64_t last, uint8_t *out)
{
    int64_t ends[MOST_SOUNDING] = {0}, count = state[COUNT], onset = last_onset(notes, count);
    memset(out, 0, (size_t)K.end + 1);
    if (count && onset == law[FINAL]) {
        out[0] = chord_may_grow(notes, state, law);
        out[K.end] = 1;
        return;
    }
    int64_t sounding = ends_after(notes, count, onset, ends);
    int64_t earliest = at_least(state[EARLIEST], onset);
    if (sounding >= law[VOICES])
        earliest = at_least(earliest, ends[sounding - law[VOICES]]);
    int64_t silent_from = sounding ? ends[sounding - 1] : earliest;
    int64_t latest = at_most(last, at_least(earliest, silent_from + law[GAP]));
    for (int64_t advance = 0; advance < K.end; advance++) {
        int64_t target = onset + K.advance_steps[advance];
        out[advance] = earliest <= target && target <= latest;
    }
    if (count && out[0])
        out[0] = chord_may_grow(notes, state, law);
    if (!any_of(out, K.end)) {
        /* between two entries of the table: the first one that is not too early, or else the last one allowed */
        int64_t best = 0;
        for (int64_t advance = 1; advance < K.end; advance++)
            if (onset + K.advance_steps[advance] <= last && onset + K.advance_steps[best] < earliest)
                best = advance;
        out[best] = 1;
    }
}

/* Let go of what was struck before `onset` if `pitch` cannot be played besides it. */
static void make_room(int32_t *notes, int64_t count, const int64_t *law, int64_t onset, int64_t pitch)
{
    int64_t held[MOST_SOUNDING], holding = 0, first = at_least(0, count - K.sounding);
    for (int64_t index = first; index < count; index++)
        if (end_of(note(notes, index)) > onset)
            insert(held, holding++, note(notes, index)[PITCH]);
    uint8_t room[MOST_CLASSES];
    allow_reachable(held, holding, law, room);
    if (holding < law[VOICES] && room[pitch])
        return;
    for (int64_t index = first; index < count; index++) {
        int32_t *one = notes + index * NOTE;
        while (one[ONSET] < onset && end_of(one) > onset && one[DURATION] > 0)
            one[DURATION]--;
    }
}

void allow_durations(const int64_t *law, int64_t onset, uint8_t *out)
{
    for (int64_t duration = 0; duration < K.durations; duration++) {
        int64_t steps = K.duration_steps[duration];
        out[duration] = onset + steps <= law[FINAL] && steps <= law[LONGEST];
    }
    out[0] = 1;
}

/* ------------------------------------------------------------------ echoes: keeping from quoting */

/* Gaps as in runs.py: no longer than fits when it is raised to the fourth power and shifted. */
static int64_t token_of(int64_t interval, int64_t gap_before, int64_t gap)
{
    int64_t before = at_most(gap_before, K.longest_gap), after = at_most(gap, K.longest_gap);
    int64_t low = before * before * before * before, high = after * after * after * after, ratio = 0;
    for (int64_t k = 1; k <= K.ratio_classes; k++) {
        int64_t factor = (int64_t)1 << (2 * k - 1);
        ratio += high >= low * factor;
        ratio -= low >= high * factor;
    }
    interval = at_most(K.widest, at_least(-K.widest, interval));
    return (interval + K.widest) * (2 * K.ratio_classes + 1) + ratio + K.ratio_classes;
}

/* Whether the shingle that `token` completes is known; plain scales and repeated notes never are. */
static bool is_known(const int64_t *line, int64_t token, const uint32_t *known, int64_t known_count)
{
    bool even = true, up = true, down = true, same = true;
    int64_t ratios = 2 * K.ratio_classes + 1;
    uint64_t value = 0;
    for (int64_t place = 0; place < K.shingle; place++) {
        int64_t one = place < K.shingle - 1 ? line[FIRST_TOKEN + place] : token;
        int64_t interval = one / ratios - K.widest;
        even &= one % ratios == K.ratio_classes;
        up &= 1 <= interval && interval <= K.step;
        down &= -K.step <= interval && interval <= -1;
        same &= interval == 0;
        value = value * K.multiplier + (uint64_t)one + 1;
        value = (value ^ (value >> 30)) * K.mix1;
    }
    if (even && (up || down || same))
        return false;
    value = (value ^ (value >> 27)) * K.mix2;
    value ^= value >> 31;
    uint32_t found = (uint32_t)(value >> 32);
    int64_t low = 0, high = known_count;
    while (low < high) {
        int64_t middle = (low + high) / 2;
        if (known[middle] < found)
            low = middle + 1;
        else
            high = middle;
    }
    return low < known_count && known[low] == found;
}

/* Whether nothing that began before note `first` and sounds at `onset` lies beyond `pitch`. Of an earlier chord only
 * its own outermost note counts, as in the lines that finished pieces are compared by. */
static bool outermost(const int32_t *notes, int64_t first, int64_t onset, int64_t pitch, int sign)
{
    for (int64_t index = at_least(0, first - K.outer_search); index < first; index++) {
        int64_t beside = index + sign;
        if (beside >= 0 && beside < first && note(notes, beside)[ONSET] == note(notes, index)[ONSET])
            continue;
        if (end_of(note(notes, index)) > onset && note(notes, index)[PITCH] * sign > pitch * sign)
            return false;
    }
    return true;
}

void follow(const int32_t *notes, int64_t count, int64_t *lines, const uint32_t *known, int64_t known_count)
{
    int64_t first = count - 1, onset = note(notes, count - 1)[ONSET];
    while (first > 0 && note(notes, first - 1)[ONSET] == onset)
        first--;
    for (int which = 0; which < 2; which++) {
        int64_t pitch = note(notes, which ? first : count - 1)[PITCH];
        int64_t *line = lines + which * K.line;
        if (!outermost(notes, first, onset, pitch, which ? -1 : 1))
            continue;
        int64_t gap = onset - line[LAST_ONSET];
        if (line[NOTES] >= 2) {
            int64_t token = token_of(pitch - line[LAST_PITCH], line[LAST_GAP], gap);
            bool full = line[TOKENS] >= K.shingle - 1;
            line[RUN] = full && is_known(line, token, known, known_count) ? line[RUN] + 1 : 0;
            memmove(line + FIRST_TOKEN, line + FIRST_TOKEN + 1, (size_t)(K.shingle - 2) * sizeof *line);
            line[K.line - 1] = token;
            line[TOKENS]++;
        }
        line[NOTES]++;
        line[LAST_ONSET] = onset;
        line[LAST_PITCH] = pitch;
        line[LAST_GAP] = gap;
    }
}

void forbid_long_runs(const int32_t *notes, int64_t count, const int64_t *lines, int64_t onset, bool chord,
                      const uint32_t *known, int64_t known_count, uint8_t *allowed)
{
    int64_t now[2 * MOST_LINE], before = count;
    memcpy(now, lines, (size_t)(2 * K.line) * sizeof *now);
    if (chord) {
        while (before > 0 && note(notes, before - 1)[ONSET] == onset)
            before--;
    } else if (count) {
        /* the onset before this one is complete, but not yet part of its lines */
        follow(notes, count, now, known, known_count);
    }
    /* a note that is added to a chord is its highest so far, never the bass */
    for (int which = 0; which < (chord ? 1 : 2); which++) {
        const int64_t *line = now + which * K.line;
        if (line[RUN] < K.most_shingles)
            continue;
        int64_t left = 0;
        for (int64_t pitch = 0; pitch < K.pitches; pitch++)
            left += allowed[pitch];
        for (int64_t pitch = 0; pitch < K.pitches; pitch++) {
            if (!allowed[pitch] || left == 1 || !outermost(notes, before, onset, pitch, which ? -1 : 1))
                continue;
            int64_t token = token_of(pitch - line[LAST_PITCH], line[LAST_GAP], onset - line[LAST_ONSET]);
            if (is_known(line, token, known, known_count)) {
                allowed[pitch] = 0;
                left--;
            }
        }
    }
}

/* ------------------------------------------------------------------ drawing: one field of every candidate */

int64_t draw(const int64_t *logits, int64_t count, const uint8_t *allowed, double temperature, int64_t nucleus,
             uint64_t bits)
{
    int64_t weights[MOST_CLASSES], order[MOST_CLASSES], highest = INT64_MIN, total = 0;
    for (int64_t one = 0; one < count; one++)
        if (allowed[one])
            highest = at_least(highest, logits[one]);
    for (int64_t one = 0; one < count; one++) {
        weights[one] = 0;
        if (allowed[one]) {
            double fall = rint((double)(highest - logits[one]) / temperature), most = (double)(K.exp_count - 1);
            weights[one] = K.exp[(int64_t)(fall < most ? fall : most)];
            total += weights[one];
        }
    }
    int64_t kept = 0, inside = 0;
    while (inside * K.mille < nucleus * total && kept < count) {
        int64_t best = -1;
        for (int64_t one = 0; one < count; one++)
            if (weights[one] > 0 && (best < 0 || weights[one] > weights[best]))
                best = one;
        if (best < 0)
            break;
        order[kept++] = best;
        inside += weights[best];
        weights[best] = -weights[best]; /* taken, and ready to be counted down below */
    }
    int64_t mark = (int64_t)((double)(bits >> 11) * K.unit * (double)inside);
    for (int64_t place = 0; place < kept; place++) {
        mark += weights[order[place]];
        if (mark < 0)
            return order[place];
    }
    return kept ? order[kept - 1] : 0;
}

/* What the candidates of a batch are written on, and by; the same fields in the same order in kernel.py. */
typedef struct {
    int32_t *notes;  /* (candidates, room, NOTE) */
    int64_t *state;  /* (candidates, STATE) */
    int64_t *lines;  /* (candidates, 2, line) */
    int64_t *motifs; /* (candidates, motifs) */
    const uint64_t *bits; /* (candidates, bits_each) */
    const int64_t *alive; /* (living): row k of a table is candidate alive[k]'s */
    const int64_t *law;
    const int32_t *numbers, *strengths, *plan;
    const uint32_t *known;
    const int32_t *leanings; /* or NULL */
    int64_t room, bits_each, living, bars, known_count;
} Desk;

static int32_t *notes_of(const Desk *desk, int64_t row) { return desk->notes + desk->alive[row] * desk->room * NOTE; }
static int64_t *state_of(const Desk *desk, int64_t row) { return desk->state + desk->alive[row] * STATE; }
static Motifs *motifs_of(const Desk *desk, int64_t row)
{
    return (Motifs *)(desk->motifs + desk->alive[row] * K.motifs);
}
static int64_t *lines_of(const Desk *desk, int64_t row) { return desk->lines + desk->alive[row] * 2 * K.line; }

/* Draw from a candidate's `logits` with its next random number. */
static int64_t draw_for(const Desk *desk, int64_t row, const int64_t *logits, int64_t count, const uint8_t *allowed,
                        double temperature, int64_t nucleus)
{
    uint64_t bits = desk->bits[desk->alive[row] * desk->bits_each + state_of(desk, row)[DRAWN]++];
    return draw(logits, count, allowed, temperature, nucleus, bits);
}

void fill_inputs(const Desk *desk, int32_t *out)
{
    for (int64_t row = 0; row < desk->living; row++)
        inputs(notes_of(desk, row), state_of(desk, row)[COUNT], desk->numbers, desk->strengths, desk->plan,
               motifs_of(desk, row), out + row * IN_COLUMNS);
}

void fill_pitch_inputs(const Desk *desk, int32_t *out)
{
    for (int64_t row = 0; row < desk->living; row++) {
        const int64_t *mine = state_of(desk, row);
        pitch_inputs(notes_of(desk, row), mine[COUNT], desk->numbers, desk->strengths, desk->plan,
                     motifs_of(desk, row), mine[NEXT_ADVANCE], 0, out + row * PITCH_COLUMNS);
    }
}

void fill_duration_inputs(const Desk *desk, int32_t *out)
{
    for (int64_t row = 0; row < desk->living; row++) {
        const int64_t *mine = state_of(desk, row);
        duration_inputs(notes_of(desk, row), mine[COUNT], desk->numbers, desk->plan, motifs_of(desk, row),
                        mine[NEXT_ADVANCE], 0, mine[NEXT_PITCH], out + row * DUR_COLUMNS);
    }
}

/* ------------------------------------------------------------------ leanings: what is made likelier or rarer */

/* The last two pitches of an outer line (sign 1: the top, -1: the bass) before an onset, the later one first; -1: none.
 * As originality.lines has it, an onset's outermost note belongs to the line if nothing sounds beyond it. */
static void last_of_line(const int32_t *notes, int64_t count, int64_t onset, int64_t sign, int64_t pitches[2])
{
    int64_t index = count - 1, found = 0;
    pitches[0] = pitches[1] = -1;
    while (index >= 0 && note(notes, index)[ONSET] == onset)
        index--;
    while (index >= 0 && found < 2 && index > count - 2 * K.sounding) {
        int64_t at = note(notes, index)[ONSET], last = index;
        while (index >= 0 && note(notes, index)[ONSET] == at)
            index--;
        int64_t outer = note(notes, sign > 0 ? last : index + 1)[PITCH];
        bool beyond = false;
        for (int64_t held = index; held >= 0 && held > index - K.sounding && !beyond; held--)
            beyond = end_of(note(notes, held)) > at && note(notes, held)[PITCH] * sign > outer * sign;
        if (!beyond)
            pitches[found++] = outer;
    }
}

/* Where a line is going and where it is: its moves one way up to its last note (which has gone `way`), and whether that
 * lies below (0), near (1) or above (2) the mean of its last notes. */
typedef struct { int64_t way, moves, zone; } Course;

/* What a note about to be chosen is judged by. */
typedef struct {
    int64_t held[MOST_SOUNDING], struck[MOST_SOUNDING]; /* pitches, and whether they begin with it */
    int64_t holding, highest, lowest, held_top, held_bass; /* of all, and of those that began before */
    int64_t top[2], bass[2];        /* the last pitches of the lines */
    int64_t motif[2], moves[2];     /* what the lines go on with, or no_pitch */
    int64_t down;                   /* where the bass has gone with this onset: -1, 0, 1; 2: nowhere yet */
    uint32_t in_bar, in_bar_before; /* pitch classes, as those below */
    uint32_t sounding;
    int64_t sound;              /* SPARSE, TRIAD, OTHER or FULL */
    bool chord;
    Course course[2];
    uint8_t same[2][MOST_CLASSES], alike[2][MOST_CLASSES]; /* moves made before, if a line goes to that pitch */
} Around;

/* Kinds of sets of pitch classes: fewer than three, a major or minor triad, three others, more (sevenths among them). */
enum { SPARSE, TRIAD, OTHER, FULL, SEVENTH };

static int64_t kind_of(uint32_t classes)
{
    /* as sets above their root: major and minor triad; sevenths on the major scale's degrees, and the diminished one */
    static const uint16_t triad[2] = {0x091, 0x089};
    static const uint16_t seventh[5] = {0x491, 0x489, 0x891, 0x449, 0x249};
    int64_t size = 0;
    for (uint32_t left = classes; left; left &= left - 1)
        size++;
    if (size < 3)
        return SPARSE;
    for (int root = 0; root < 12 && size <= 4; root++) {
        uint32_t above = (classes >> root | classes << (12 - root)) & 0xfff;
        for (int one = 0; one < 2; one++)
            if (above == triad[one])
                return TRIAD;
        for (int one = 0; one < 5; one++)
            if (above == seventh[one])
                return SEVENTH;
    }
    return size == 3 ? OTHER : FULL;
}

/* Moves made before that are told apart, and after how many they return at the soonest; the class of so many. */
enum { CHAIN = 9, SHORTEST_RETURN = 3 };
static int64_t chain_of(int64_t moves) { return moves < 4 ? moves : moves < 6 ? 4 : moves < CHAIN ? 5 : 6; }

/* Of each pitch that a line could go to at `onset`: how many of its last moves, that one included, it has made before,
 * one after the other: with the `same` notes, or `alike`, on any step of the scale. What goes round in a note or two
 * (repeated notes, scales, trills) returns nowhere. */
static void look_for_returns(const Line *line, int64_t onset, uint8_t *same, uint8_t *alike)
{
    Tone tones[REMEMBERED]; /* the newest first */
    int64_t made = at_most(line->notes, REMEMBERED);
    memset(same, 0, (size_t)K.pitches);
    memset(alike, 0, (size_t)K.pitches);
    for (int64_t back = 0; back < made; back++) {
        int64_t place = (line->notes - 1 - back) % REMEMBERED;
        int32_t one[NOTE] = {0};
        one[ONSET] = line->ring[place].onset;
        one[PITCH] = line->ring[place].pitch;
        tones[back] = tone_of(one);
    }
    for (int64_t next = SHORTEST_RETURN - 1; next + 1 < made; next++) {
        const Tone *there = tones + next + 1; /* from there to tones[next], as now from tones[0] to the pitch */
        if (tones[next].onset - there->onset != onset - tones[0].onset)
            continue;
        int64_t like = 1, left = at_most(made - next - 2, CHAIN - 1);
        while (like <= left && there[like - 1].onset - there[like].onset == tones[like - 1].onset - tones[like].onset
               && there[like - 1].degree - there[like].degree == tones[like - 1].degree - tones[like].degree)
            like++;
        int64_t pitch = carried(tones[next], tones[0].degree - there->degree), equal = 0;
        if (pitch != K.no_pitch)
            alike[pitch] = (uint8_t)at_least(alike[pitch], like);
        while (equal < like && there[equal].pitch == tones[equal].pitch)
            equal++;
        pitch = tones[next].pitch;
        same[pitch] = (uint8_t)at_least(same[pitch], equal);
    }
}

/* Notes of a line whose mean says where it is, and semitones from it that are near. */
enum { RECENT = 24, NEAR = 4 };

static Course course_of(const Line *line)
{
    Course course = {0, 0, 1};
    int64_t made = at_most(line->notes, RECENT), sum = 0, after = 0, last = 0;
    bool one_way = true;
    for (int64_t back = 0; back < made; back++) {
        int64_t pitch = line->ring[(line->notes - 1 - back) % REMEMBERED].pitch;
        int64_t up = back ? (after > pitch) - (after < pitch) : 0;
        if (!course.way)
            course.way = up;
        one_way &= !up || up == course.way;
        course.moves += one_way && up;
        last = back ? last : pitch;
        sum += pitch;
        after = pitch;
    }
    int64_t off = last * made - sum;
    course.zone += (off > NEAR * made) - (off < -NEAR * made);
    return course;
}

static int64_t run_of(int64_t moves) { return moves < 4 ? moves - 1 : moves < 6 ? 3 : 4; }

static void look_around(const int32_t *notes, int64_t count, int64_t onset, const int32_t *numbers,
                        const Motifs *motifs, Around *out)
{
    out->holding = 0;
    out->highest = out->held_top = -1;
    out->lowest = out->held_bass = K.pitches;
    out->in_bar = out->in_bar_before = out->sounding = 0;
    out->chord = count && last_onset(notes, count) == onset;
    last_of_line(notes, count, onset, 1, out->top);
    last_of_line(notes, count, onset, -1, out->bass);
    for (int64_t index = at_least(0, count - K.sounding); index < count; index++) {
        const int32_t *one = note(notes, index);
        if (end_of(one) <= onset)
            continue;
        out->held[out->holding] = one[PITCH];
        out->struck[out->holding++] = one[ONSET] == onset;
        out->highest = at_least(out->highest, one[PITCH]);
        out->lowest = at_most(out->lowest, one[PITCH]);
        out->sounding |= 1u << one[PITCH] % 12;
        if (one[ONSET] < onset) {
            out->held_top = at_least(out->held_top, one[PITCH]);
            out->held_bass = at_most(out->held_bass, one[PITCH]);
        }
    }
    out->sound = kind_of(out->sounding);
    out->down = 2;
    if (out->chord && out->bass[0] >= 0 && out->lowest < out->held_bass)
        out->down = (out->lowest > out->bass[0]) - (out->lowest < out->bass[0]);
    int64_t bar = place_of(onset, numbers).bar;
    for (int64_t index = count - 1; index >= 0; index--) {
        int64_t back = bar - place_of(note(notes, index)[ONSET], numbers).bar;
        if (back > 1)
            break;
        *(back ? &out->in_bar_before : &out->in_bar) |= 1u << note(notes, index)[PITCH] % 12;
    }
    for (int64_t line = 0; line < 2; line++) {
        Motif motif = out->chord ? motifs->before[line] : motifs->now[line];
        out->moves[line] = motif.moves;
        out->motif[line] = motif.moves > 0 && motif.onset == onset ? motif.pitch : K.no_pitch;
    }
    for (int64_t line = 0; line < 2 - out->chord; line++) { /* what is added to a chord is never its bass */
        Line now = motifs->lines[line];
        if (!out->chord && count)
            extend(&now, notes, count, line ? -1 : 1);
        out->course[line] = course_of(&now);
        look_for_returns(&now, onset, out->same[line], out->alike[line]);
    }
}

static int64_t move_of(int64_t pitch, const int64_t *line)
{
    static const int8_t size[13] = {0, 1, 2, 3, 3, 4, 5, 4, 6, 6, 5, 5, 7};
    int64_t move = pitch - line[0], before = line[1] < 0 ? 0 : line[0] - line[1], wide = move < 0 ? -move : move;
    int64_t way = !move || !before ? 0 : (move > 0) == (before > 0) ? 1 : 2;
    return ((wide > 12 ? 8 : size[wide]) * 3 + way) * 2 + (move > 0);
}

/* The classes (at most 2) of a line that goes on to a pitch. */
static int64_t courses_of(const Course *course, int64_t line, int64_t from, int64_t pitch, int64_t *out)
{
    int64_t made = 0, later = LENGTH + K.durations, up = (pitch > from) - (pitch < from);
    if (up && course->way)
        out[made++] = later + TURNS + (line * RUNS + run_of(course->moves)) * 2 + (up != course->way);
    out[made++] = later + STRAYS + (line * ZONES + course->zone) * 3 + up + 1;
    return made;
}

/* What a pitch makes of the classes that sound: one of them; of two a triad, of three a seventh; or something else. */
static int64_t made_of(const Around *around, int64_t pitch)
{
    uint32_t now = around->sounding | 1u << pitch % 12;
    int64_t sound = at_most(around->sound, FULL), kind = kind_of(now);
    if (now == around->sounding)
        return 3 * sound;
    return 3 * sound + (sound == FULL || kind == TRIAD || kind == SEVENTH ? 1 : 2);
}

/* The classes (at most MOST_SOUNDING + 18) that a pitch would be one more of; returns how many. A note to which others
 * may be added above is `last` of its chord only if it is told so. */
static int64_t pitch_classes_of(const Around *around, int64_t pitch, bool last, int64_t *out)
{
    int64_t made = 0, later = LENGTH + K.durations;
    for (int64_t index = 0; index < around->holding; index++) {
        int64_t apart = (around->held[index] - pitch) % 12;
        apart = apart < 0 ? apart + 12 : apart;
        out[made++] = (around->struck[index] ? STRUCK : HELD) + at_most(apart, 12 - apart);
    }
    if (around->top[0] >= 0 && pitch >= around->highest) {
        int64_t move = move_of(pitch, around->top), up = (pitch > around->top[0]) - (pitch < around->top[0]);
        if (around->chord)
            out[made++] = later + ADDED + move;
        if (last) {
            out[made++] = OVER + move;
            out[made++] = later + RETURNS + chain_of(around->same[0][pitch]);
            out[made++] = later + RETURNS + CHAINS + chain_of(around->alike[0][pitch]);
            made += courses_of(&around->course[0], 0, around->top[0], pitch, out + made);
            if (around->down < 2)
                out[made++] = later + AGAINST + (!up || !around->down ? 0 : up == around->down ? 1 : 2);
        }
    }
    if (!around->chord && around->bass[0] >= 0 && pitch <= around->lowest) {
        out[made++] = UNDER + move_of(pitch, around->bass);
        made += courses_of(&around->course[1], 1, around->bass[0], pitch, out + made);
        out[made++] = later + RETURNS + 2 * CHAINS + chain_of(around->same[1][pitch]);
        out[made++] = later + RETURNS + 3 * CHAINS + chain_of(around->alike[1][pitch]);
    }
    out[made++] = AGAIN + 2 * (around->in_bar >> pitch % 12 & 1) + (around->in_bar_before >> pitch % 12 & 1);
    if (last)
        out[made++] = PAST_HELD + (around->held_top < around->top[0] ? 0 : 1 + (pitch > around->held_top));
    if (!around->chord)
        out[made++] = PAST_HELD + 3 + (around->held_bass > around->bass[0] ? 0 : 1 + (pitch < around->held_bass));
    for (int64_t line = 0; line < 2; line++) {
        bool follows = around->motif[line] != K.no_pitch && around->motif[line] == pitch;
        out[made++] = FOLLOWS + line * 4 + (follows ? at_most(around->moves[line], 4) - 1 : 0);
    }
    if (around->sounding & (around->sounding - 1))
        out[made++] = later + MAKES + made_of(around, pitch);
    return made;
}

/* Where an onset lies, and how full the bars are before it. */
typedef struct { int64_t last, chord, left[2], fuller; } Before;

static void look_back(const int32_t *notes, int64_t count, const int32_t *numbers, Before *out)
{
    int64_t first = count - 1, here = 0, there = 0;
    out->last = last_onset(notes, count);
    while (first > 0 && note(notes, first - 1)[ONSET] == out->last)
        first--;
    out->chord = count - first;
    out->left[0] = end_of(note(notes, count - 1)) - out->last;
    out->left[1] = end_of(note(notes, first)) - out->last;
    Place at = place_of(out->last, numbers);
    for (int64_t index = count - 1; index >= 0; index--) {
        int64_t back = at.bar - place_of(note(notes, index)[ONSET], numbers).bar;
        if (back > 1)
            break;
        if (index == 0 || note(notes, index - 1)[ONSET] < note(notes, index)[ONSET])
            *(back ? &there : &here) += 1;
    }
    out->fuller = (here > there) - (here < there) + 1;
}

/* The same for an advance (not the end): at most 7 classes. */
static int64_t advance_classes_of(const Before *before, const int32_t *numbers, const int32_t *weights,
                                  const Motifs *motifs, int64_t advance, int64_t *out)
{
    int64_t made = 0, later = LENGTH + K.durations, steps = K.advance_steps[advance], target = before->last + steps;
    out[made++] = GROWS + 2 * (at_most(before->chord, 4) - 1) + (steps == 0);
    if (!steps)
        return made;
    Place from = place_of(before->last, numbers), to = place_of(target, numbers);
    for (int64_t line = 0; line < 2; line++) {
        int64_t left = before->left[line] - steps;
        Motif motif = motifs->now[line];
        out[made++] = JOINS + 3 * line + (left < 0 ? 0 : left > 0 ? 2 : 1);
        bool on_time = motif.moves > 0 && motif.onset == target;
        out[made++] = ON_TIME + 3 * line + (on_time ? 1 + (motif.moves > 3) : 0);
    }
    out[made++] = LANDS + weights[to.position];
    out[made++] = later + FILLS + 3 * before->fuller
                  + (to.bar == from.bar ? 0 : to.bar == from.bar + 1 && !to.position ? 1 : 2);
    return made;
}

/* The same for a duration: 2 classes. */
static int64_t duration_classes_of(int64_t onset, const int32_t *numbers, int64_t duration, int64_t *out)
{
    bool crosses = place_of(onset, numbers).position + K.duration_steps[duration] > numbers[BAR_LENGTH];
    out[0] = LENGTH + duration;
    out[1] = CROSSES + crosses;
    return 2;
}

/* Count the classes of all notes of a piece. */
void count_leanings(const int32_t *notes, int64_t count, const int32_t *numbers, const int32_t *weights, int64_t *out)
{
    Motifs motifs = {0};
    follow_motifs(notes, 0, &motifs);
    for (int64_t index = 0; index < count; index++) {
        Around around;
        Before before;
        int64_t classes[MOST_SOUNDING + 28];
        const int32_t *one = note(notes, index);
        bool last = index + 1 == count || note(notes, index + 1)[ONSET] > one[ONSET];
        look_around(notes, index, one[ONSET], numbers, &motifs, &around);
        int64_t made = pitch_classes_of(&around, one[PITCH], last, classes);
        if (index) {
            look_back(notes, index, numbers, &before);
            made += advance_classes_of(&before, numbers, weights, &motifs, one[ADVANCE], classes + made);
        }
        made += duration_classes_of(one[ONSET], numbers, one[DURATION], classes + made);
        for (int64_t each = 0; each < made; each++)
            out[classes[each]]++;
        follow_motifs(notes, index + 1, &motifs);
    }
}

static int64_t leaning(const Desk *desk, const int64_t *classes, int64_t made)
{
    int64_t total = 0;
    while (made--)
        total += desk->leanings[classes[made]];
    return total;
}

/* Add to a candidate's `logits` of advances, pitches or durations how it leans. */
static void lean_advances(const Desk *desk, int64_t row, const uint8_t *allowed, int64_t *logits)
{
    int64_t classes[7], count = state_of(desk, row)[COUNT];
    Before before;
    if (!count)
        return;
    look_back(notes_of(desk, row), count, desk->numbers, &before);
    for (int64_t advance = 0; advance < K.end; advance++)
        if (allowed[advance])
            logits[advance] += leaning(desk, classes, advance_classes_of(
                &before, desk->numbers, desk->strengths, motifs_of(desk, row), advance, classes));
}

static void lean_pitches(const Desk *desk, int64_t row, int64_t onset, const uint8_t *allowed, int64_t *logits)
{
    Around around;
    int64_t classes[MOST_SOUNDING + 18];
    look_around(notes_of(desk, row), state_of(desk, row)[COUNT], onset, desk->numbers, motifs_of(desk, row), &around);
    for (int64_t pitch = 0; pitch < K.pitches; pitch++)
        if (allowed[pitch])
            logits[pitch] += leaning(desk, classes, pitch_classes_of(&around, pitch, true, classes));
}

static void lean_durations(const Desk *desk, int64_t onset, const uint8_t *allowed, int64_t *logits)
{
    int64_t classes[2];
    for (int64_t duration = 0; duration < K.durations; duration++)
        if (allowed[duration])
            logits[duration] += leaning(desk, classes, duration_classes_of(onset, desk->numbers, duration, classes));
}

/* A bar that is planned as a copy of a written one, the notes it copies, and the steps from those to the copy. */
typedef struct { int64_t bar, first, end, shift; } Copy;

/* The next bar to be copied; bar -1 if there is none yet. */
static Copy next_copy(const int32_t *notes, const int64_t *state, const int64_t *law, const int32_t *plan, int64_t bars,
                      int64_t onset)
{
    int64_t count = state[COUNT];
    for (int64_t bar = state[BAR]; bar < bars; bar++) {
        if (plan[bar * PLAN_COLUMNS + PLAN_REPEAT] != K.exact)
            continue;
        int64_t shift = plan[bar * PLAN_COLUMNS + PLAN_BACK] * law[BAR_STEPS];
        int64_t source = bar * law[BAR_STEPS] - shift;
        if (source > onset)
            break;
        int64_t first = first_after(notes, count, source, -1);
        int64_t end = first_after(notes, count, source + law[BAR_STEPS], -1);
        while (first < end && note(notes, first)[ONSET] + shift <= onset)
            first++;
        if (first < end)
            return (Copy){bar, first, end, shift};
    }
    return (Copy){-1, 0, 0, 0};
}

static void begin_copy(int64_t *state, const int64_t *law, Copy copy)
{
    state[FORCED] = copy.first;
    state[FORCED_END] = copy.end;
    state[SHIFT] = copy.shift;
    state[BAR] = copy.bar + 1;
    state[EARLIEST] = (copy.bar + 1) * law[BAR_STEPS];
}

/* Forbid notes between the beginning of a copied bar and its `first` note, unless it were silent for too long. */
static void keep_free(uint8_t *allowed, int64_t onset, int64_t start, int64_t first)
{
    bool waits = false;
    for (int64_t advance = 0; advance < K.end; advance++) {
        int64_t target = onset + K.advance_steps[advance];
        waits |= allowed[advance] && (target < start || target == first);
    }
    for (int64_t advance = 0; waits && advance < K.end; advance++) {
        int64_t target = onset + K.advance_steps[advance];
        allowed[advance] &= target < start || target >= first;
    }
}

void choose_advances(const Desk *desk, const int64_t *logits, double temperature, int64_t nucleus)
{
    const int64_t *law = desk->law;
    uint8_t allowed[MOST_CLASSES];
    for (int64_t row = 0; row < desk->living; row++) {
        int64_t *mine = state_of(desk, row);
        const int32_t *notes = notes_of(desk, row);
        int64_t onset = last_onset(notes, mine[COUNT]), last = law[FINAL];
        Copy copy = {-1, 0, 0, 0};
        if (mine[FORCED] < 0) {
            copy = next_copy(notes, mine, law, desk->plan, desk->bars, onset);
            if (copy.bar >= 0) {
                last = at_most(last, note(notes, copy.first)[ONSET] + copy.shift);
                if (mine[EARLIEST] >= copy.bar * law[BAR_STEPS])
                    begin_copy(mine, law, copy);
            }
        }
        if (mine[FORCED] >= 0) {
            int64_t steps = note(notes, mine[FORCED])[ONSET] + mine[SHIFT] - onset;
            if (steps >= 0 && steps <= K.longest_advance && K.class_of[steps] >= 0) {
                mine[NEXT_ADVANCE] = K.class_of[steps];
                continue;
            }
            mine[FORCED] = -1;
        }
        allow_advances(notes, mine, law, last, allowed);
        if (copy.bar >= 0)
            keep_free(allowed, onset, copy.bar * law[BAR_STEPS], last);
        int64_t leaned[MOST_CLASSES];
        memcpy(leaned, logits + row * (K.end + 1), sizeof(int64_t) * (size_t)(K.end + 1));
        if (desk->leanings)
            lean_advances(desk, row, allowed, leaned);
        int64_t advance = draw_for(desk, row, leaned, K.end + 1, allowed, temperature, nucleus);
        if (advance == K.end) {
            mine[DONE] = 1;
            continue;
        }
        mine[NEXT_ADVANCE] = advance;
        int64_t target = onset + K.advance_steps[advance], after = target / law[BAR_STEPS] + 1;
        if (last < law[FINAL] && target == last)
            begin_copy(mine, law, copy);
        else
            mine[BAR] = at_least(mine[BAR], copy.bar < 0 ? after : at_most(copy.bar, after));
    }
}

void choose_pitches(const Desk *desk, const int64_t *logits, double temperature, int64_t nucleus)
{
    const int64_t *law = desk->law;
    uint8_t allowed[MOST_CLASSES];
    for (int64_t row = 0; row < desk->living; row++) {
        int64_t *mine = state_of(desk, row);
        const int32_t *notes = notes_of(desk, row);
        if (mine[FORCED] >= 0) {
            mine[NEXT_PITCH] = note(notes, mine[FORCED])[PITCH];
            continue;
        }
        int64_t count = mine[COUNT], onset = last_onset(notes, count) + K.advance_steps[mine[NEXT_ADVANCE]];
        bool chord = mine[NEXT_ADVANCE] == 0 && count > 0;
        allow_pitches(notes, mine, law, onset, chord, allowed);
        if (!any_of(allowed, K.pitches))
            set_pitches(allowed, law[LOW], law[HIGH] + 1, 1);
        if (desk->known_count)
            forbid_long_runs(notes, count, lines_of(desk, row), onset, chord, desk->known, desk->known_count, allowed);
        int64_t leaned[MOST_CLASSES];
        memcpy(leaned, logits + row * K.pitches, sizeof(int64_t) * (size_t)K.pitches);
        if (desk->leanings && onset != law[FINAL])
            lean_pitches(desk, row, onset, allowed, leaned);
        mine[NEXT_PITCH] = draw_for(desk, row, leaned, K.pitches, allowed, temperature, nucleus);
    }
}

/* Returns 0, or 1 where a candidate has no room for another note. */
int64_t choose_durations(const Desk *desk, const int64_t *logits, double temperature, int64_t nucleus)
{
    const int64_t *law = desk->law;
    uint8_t allowed[MOST_CLASSES];
    for (int64_t row = 0; row < desk->living; row++) {
        int64_t *mine = state_of(desk, row);
        int32_t *notes = notes_of(desk, row);
        int64_t count = mine[COUNT], advance = mine[NEXT_ADVANCE], duration;
        int64_t onset = last_onset(notes, count) + K.advance_steps[advance];
        if (count >= desk->room)
            return 1;
        make_room(notes, count, law, onset, mine[NEXT_PITCH]);
        if (mine[FORCED] >= 0) {
            duration = note(notes, mine[FORCED])[DURATION];
            while (duration > 0 && onset + K.duration_steps[duration] > law[FINAL])
                duration--;
            if (++mine[FORCED] == mine[FORCED_END])
                mine[FORCED] = -1;
        } else if (onset == law[FINAL]) {
            duration = law[LAST_DURATION];
        } else {
            allow_durations(law, onset, allowed);
            int64_t leaned[MOST_CLASSES];
            memcpy(leaned, logits + row * K.durations, sizeof(int64_t) * (size_t)K.durations);
            if (desk->leanings)
                lean_durations(desk, onset, allowed, leaned);
            duration = draw_for(desk, row, leaned, K.durations, allowed, temperature, nucleus);
        }
        if (desk->known_count && count && advance > 0)
            follow(notes, count, lines_of(desk, row), desk->known, desk->known_count);
        int32_t *written = notes + count * NOTE;
        written[ONSET] = (int32_t)onset;
        written[ADVANCE] = (int32_t)advance;
        written[PITCH] = (int32_t)mine[NEXT_PITCH];
        written[DURATION] = (int32_t)duration;
        mine[COUNT]++;
    }
    return 0;
}

/* ------------------------------------------------------------------ runtime: layers of the network */

/* A dense layer; the same fields in the same order in kernel.py. */
typedef struct {
    const int16_t *weights; /* (panels, inputs / 2, PANEL, 2): pairs of inputs of the outputs of a panel, side by side */
    const int32_t *bias;    /* (outputs) */
    const int32_t *table;   /* (classes of all fields, outputs): what each value of each field adds */
    const int64_t *offsets; /* (fields): where a field's classes begin in the table */
    int64_t inputs, outputs, fields;
} Layer;

/* Sums (SIDE, PANEL) of products of a panel's weights with a row of inputs each. */
typedef void Tile(const int16_t *panel, const int16_t *const *from, int64_t inputs, int32_t sums[SIDE][PANEL]);

static void tile(const int16_t *panel, const int16_t *const *from, int64_t inputs, int32_t sums[SIDE][PANEL])
{
    memset(sums, 0, sizeof(int32_t[SIDE][PANEL]));
    for (int64_t k = 0; k < inputs; k += 2, panel += 2 * PANEL)
        for (int a = 0; a < SIDE; a++)
            for (int b = 0; b < PANEL; b++)
                sums[a][b] += (int32_t)from[a][k] * panel[2 * b] + (int32_t)from[a][k + 1] * panel[2 * b + 1];
}

#ifdef AVX2
/* The same with AVX2, whose vpmaddwd adds 8 pairs of products at once: compilers do not find it in the loop above. The
 * library is built for any processor and takes this one where it can. */
__attribute__((target("avx2"))) static void tile_avx2(
    const int16_t *panel, const int16_t *const *from, int64_t inputs, int32_t sums[SIDE][PANEL])
{
    __m256i sum[SIDE][2];
    for (int a = 0; a < SIDE; a++)
        sum[a][0] = sum[a][1] = _mm256_setzero_si256();
    for (int64_t k = 0; k < inputs; k += 2, panel += 2 * PANEL) {
        __m256i left = _mm256_loadu_si256((const __m256i *)panel);
        __m256i right = _mm256_loadu_si256((const __m256i *)(panel + PANEL));
        for (int a = 0; a < SIDE; a++) {
            int32_t both;
            memcpy(&both, from[a] + k, sizeof both);
            __m256i pair = _mm256_set1_epi32(both);
            sum[a][0] = _mm256_add_epi32(sum[a][0], _mm256_madd_epi16(left, pair));
            sum[a][1] = _mm256_add_epi32(sum[a][1], _mm256_madd_epi16(right, pair));
        }
    }
    for (int a = 0; a < SIDE; a++)
        for (int half = 0; half < 2; half++)
            _mm256_storeu_si256((__m256i *)(sums[a] + half * PANEL / 2), sum[a][half]);
}

static Tile *best_tile(void) { return __builtin_cpu_supports("avx2") ? tile_avx2 : tile; }
#else
static Tile *best_tile(void) { return tile; }
#endif

/* Compiled also for AVX2, whose registers hold twice as much; the loader takes what the processor has. */
#if defined(AVX2) && defined(__linux__) && defined(__GLIBC__)
#define WIDE __attribute__((target_clones("avx2", "default")))
#else
#define WIDE
#endif

/* Add the rows of a layer's table that `values` (fields) pick to `sum` (outputs), four at a time. */
WIDE static void add_rows(const Layer *made, const int32_t *values, int32_t *restrict sum)
{
    const int32_t *one[4];
    int64_t outputs = made->outputs, field = 0;
    for (; field + 4 <= made->fields; field += 4) {
        for (int64_t a = 0; a < 4; a++)
            one[a] = made->table + (values[field + a] + made->offsets[field + a]) * outputs;
        for (int64_t b = 0; b < outputs; b++)
            sum[b] += one[0][b] + one[1][b] + one[2][b] + one[3][b];
    }
    for (; field < made->fields; field++) {
        one[0] = made->table + (values[field] + made->offsets[field]) * outputs;
        for (int64_t b = 0; b < outputs; b++)
            sum[b] += one[0][b];
    }
}

/* Sums (rows, outputs) from the first `inputs` of the `stride` numbers of each row; they are below 2^24, thus exact.
 * A tile that reaches over the edge does the last row again. */
void layer(const Layer *made, const int16_t *in, int64_t stride, const int32_t *values, int32_t *out, int64_t rows)
{
    int64_t inputs = made->inputs, outputs = made->outputs;
    const int16_t *panel = made->weights;
    Tile *multiply = best_tile();
    for (int64_t first = 0; first < outputs; first += PANEL, panel += inputs * PANEL) {
        int64_t across = at_most(PANEL, outputs - first);
        for (int64_t top = 0; top < rows; top += SIDE) {
            const int16_t *from[SIDE];
            int32_t sums[SIDE][PANEL];
            for (int a = 0; a < SIDE; a++)
                from[a] = in + at_most(top + a, rows - 1) * stride;
            multiply(panel, from, inputs, sums);
            for (int64_t a = 0; a < at_most(SIDE, rows - top); a++)
                for (int64_t b = 0; b < across; b++)
                    out[(top + a) * outputs + first + b] = sums[a][b] + made->bias[first + b];
        }
    }
    for (int64_t row = 0; values && row < rows; row++)
        add_rows(made, values + row * made->fields, out + row * outputs);
}

/* Place in a table of tanh or sigmoid whose middle is at 0. Clamped before it is rounded (halves to even, as NumPy
 * does), so that the conversion is always defined. */
static inline int32_t place_in_table(double total, double scale, double most)
{
    double steps = total * scale;
    steps = steps < most ? steps : most;
    steps = steps > -most ? steps : -most;
    return (int32_t)rint(steps);
}

/* New cells and hidden states, in place, from gates (rows, 4 * units) in the order i, f, c, o; `hidden` (rows, stride)
 * begins at the layer's own. Each value is a whole number below 2^53 until it is scaled by a power of two: exact. */
WIDE static void cells(const int32_t *restrict gates, double *restrict cells, int16_t *restrict hidden, int64_t stride,
                       int64_t rows, int64_t units)
{
    const float *restrict sigmoid = K.sigmoid + K.limit, *restrict tanh = K.tanh + K.limit;
    double most = (double)K.limit, to_steps = K.to_steps, cell_to_steps = K.cell_to_steps;
    double to_cell = K.to_cell, to_hidden = K.to_hidden;
    for (int64_t row = 0; row < rows; row++, gates += 4 * units, cells += units, hidden += stride) {
        for (int64_t unit = 0; unit < units; unit++) {
            double let_in = sigmoid[place_in_table(gates[unit], to_steps, most)];
            double keep = sigmoid[place_in_table(gates[units + unit], to_steps, most)];
            double new = tanh[place_in_table(gates[2 * units + unit], to_steps, most)];
            double let_out = sigmoid[place_in_table(gates[3 * units + unit], to_steps, most)];
            double cell = rint((keep * cells[unit] + let_in * new) * to_cell);
            double shape = tanh[place_in_table(cell, cell_to_steps, most)];
            cells[unit] = cell;
            hidden[unit] = (int16_t)(int32_t)rint(let_out * shape * to_hidden);
        }
    }
}

/* Read a row of input `values` for each of the rows of `hidden` (rows, 2 * units) and of both tables of cells
 * (rows, units). The first layer's new states and the second one's old ones lie side by side, as the second layer
 * reads them; `summed` (rows, units) are both layers' new states. `gates` is room for (rows, 4 * units). */
void step(const Layer *first, const Layer *second, const int32_t *values, int16_t *hidden, double *first_cells,
          double *second_cells, int32_t *gates, int16_t *summed, int64_t rows)
{
    int64_t units = first->inputs, stride = 2 * units;
    layer(first, hidden, stride, values, gates, rows);
    cells(gates, first_cells, hidden, stride, rows, units);
    layer(second, hidden, stride, NULL, gates, rows);
    cells(gates, second_cells, hidden + units, stride, rows, units);
    for (int64_t row = 0; row < rows; row++, hidden += stride, summed += units)
        for (int64_t unit = 0; unit < units; unit++)
            summed[unit] = (int16_t)(hidden[unit] + hidden[units + unit]);
}

/* Logits (rows, classes) of a head from what `step` summed and from rows of its given `values` (or NULL). `sums` is
 * room for (rows, the larger of both layers), `between` for the hidden states. */
WIDE void head(const Layer *hidden, const Layer *classes, const int16_t *summed, const int32_t *values, int32_t *sums,
               int16_t *between, int64_t *out, int64_t rows)
{
    double most = (double)K.limit, to_steps = K.to_steps;
    layer(hidden, summed, hidden->inputs, values, sums, rows);
    for (int64_t one = 0; one < rows * hidden->outputs; one++)
        between[one] = K.hidden_tanh[K.limit + place_in_table(sums[one], to_steps, most)];
    layer(classes, between, hidden->outputs, NULL, sums, rows);
    for (int64_t one = 0; one < rows * classes->outputs; one++)
        out[one] = (int64_t)rint(sums[one] * to_steps);
}

/* ------------------------------------------------------------------ critic */

/* Hear one note more: add to the sums (segments, candidates, 3 * units) of each listed candidate, in the segment it is
 * in, its new states `summed` (rows, units) and the sizes of their changes since the last two, which are
 * `before` (2, candidates, units). */
void listen(const int16_t *restrict summed, const int64_t *listed, const int64_t *segments, int16_t *restrict before,
            int64_t *sums, int64_t *counts, int64_t rows, int64_t candidates, int64_t units)
{
    for (int64_t row = 0; row < rows; row++, summed += units) {
        int64_t place = segments[row] * candidates + listed[row];
        int64_t *restrict sum = sums + place * 3 * units;
        int16_t *restrict one = before + listed[row] * units, *restrict two = one + candidates * units;
        for (int64_t unit = 0; unit < units; unit++) {
            int16_t now = summed[unit], last = one[unit];
            sum[unit] += now;
            sum[units + unit] += abs(now - last);
            sum[2 * units + unit] += abs(now - two[unit]);
            two[unit] = last;
            one[unit] = now;
        }
        counts[place]++;
    }
}
