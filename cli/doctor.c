/* terrace doctor: what is wrong with this node, why, and what to do next. */
#include "cli/doctor.h"

#include <stdlib.h>
#include <string.h>

#include "cli/record.h"

static void add(struct doctor *doctor, const char *level, const char *what, const char *why,
                const char *next)
{
    json_array_append_new(doctor->findings, json_pack("{s:s,s:s,s:s,s:s}", "level", level, "what",
                                                      what, "why", why, "next", next));
}

void doctor_problem(struct doctor *doctor, const char *what, const char *why, const char *next)
{
    doctor->problem_count++;
    add(doctor, "problem", what, why, next);
}

void doctor_note(struct doctor *doctor, const char *what, const char *why, const char *next)
{
    add(doctor, "note", what, why, next);
}

void doctor_error(struct doctor *doctor, const struct error *error)
{
    doctor_problem(doctor, error->what, error->why, error->next);
}

static void print_shown(const char *label, const char *text)
{
    char *shown = text_shown(span_of_text(text), 0);
    if (shown[0] != '\0')
        printf("%s%s\n", label, shown);
    free(shown);
}

static void print_findings(const struct doctor *doctor)
{
    size_t index = 0;
    json_t *finding = NULL;
    json_array_foreach(doctor->findings, index, finding)
    {
        bool note = strcmp(json_text(finding, "level"), "note") == 0;
        print_shown(note ? "note: " : "wrong: ", json_text(finding, "what"));
        print_shown("  why:  ", json_text(finding, "why"));
        print_shown("  next: ", json_text(finding, "next"));
    }
    if (doctor->problem_count == 0)
        printf("nothing is wrong here\n");
    else
        printf("%zu %s\n", doctor->problem_count,
               doctor->problem_count == 1 ? "thing is wrong" : "things are wrong");
}

static void ask_status(struct doctor *doctor, const struct arguments *arguments)
{
    struct buffer args = {0};
    struct error error = {0};
    json_t *status = ask_node(arguments, "status", &args, &error);
    if (status == NULL)
        doctor_error(doctor, &error);
    else
        doctor_status(doctor, status);
    json_decref(status);
}

static int run(const struct arguments *arguments, struct error *error)
{
    const char *directory = NULL;
    bool running = false;
    if (arguments_directory(arguments, &directory, error) != ERR_OK)
        return EXIT_USAGE;
    struct doctor doctor = {.findings = json_array()};
    doctor_files(&doctor, directory, &running);
    if (running)
        ask_status(&doctor, arguments);
    if (arguments->json)
        print_json(json_pack("{s:s,s:b,s:I,s:O}", "directory", directory, "running", running,
                             "problems", (json_int_t)doctor.problem_count, "findings",
                             doctor.findings));
    else
        print_findings(&doctor);
    json_decref(doctor.findings);
    return doctor.problem_count == 0 ? EXIT_DONE : EXIT_FAILED;
}

const struct command command_doctor = {
    .name = "doctor",
    .usage = "",
    .summary = "what is wrong with this node, why, and what to do; also of one that doesn't run",
    .detail =
        "It looks at the directory (configuration, keys, documents, lock, disk) and, when the\n"
        "node runs, at what it says of itself. It changes nothing. Exit status 0: nothing is\n"
        "wrong, 1: something is.",
    .words_min = 0,
    .words_max = 0,
    .run = run,
};
