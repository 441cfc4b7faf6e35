/* What a plugin says about itself without being run: an ELF note in section .note.keelson, read from the file before
 * anything of it is mapped. Pure C, append-only: keys may be added to the text, the numbers before it stay.
 *
 *   KEELSON_PLUGIN_NOTE("website", "0.1.0");
 *
 * The SDK's KEELSON_PLUGIN has it already. A plugin without a note is judged by its table, after it was mapped. */
#ifndef KEELSON_NOTE_H
#define KEELSON_NOTE_H

#include "keelson_plugin.h"

#define KEELSON_NOTE_SECTION ".note.keelson"
#define KEELSON_NOTE_OWNER "Keelson"
#define KEELSON_NOTE_TYPE 1u

#if defined(__SANITIZE_ADDRESS__)
#define KEELSON_NOTE_SANITIZER "sanitizer=address\n"
#elif defined(__SANITIZE_THREAD__)
#define KEELSON_NOTE_SANITIZER "sanitizer=thread\n"
#else
#define KEELSON_NOTE_SANITIZER ""
#endif

#if defined(__clang__)
#define KEELSON_NOTE_COMPILER __VERSION__
#else
#define KEELSON_NOTE_COMPILER "GCC " __VERSION__
#endif

#define KEELSON_NOTE_TEXT(name, version) \
  "name=" name "\nversion=" version "\ncompiler=" KEELSON_NOTE_COMPILER "\n" KEELSON_NOTE_SANITIZER

/* `name` and `version` are string literals. */
#define KEELSON_PLUGIN_NOTE(name_, version_)                                                                      \
  __attribute__((section(KEELSON_NOTE_SECTION), used, aligned(4))) static const struct {                          \
    uint32_t owner_size, description_size, type;                                                                  \
    char owner[sizeof KEELSON_NOTE_OWNER];                                                                        \
    uint32_t abi_major, abi_minor;                                                                                \
    char text[(sizeof KEELSON_NOTE_TEXT(name_, version_) + 3) / 4 * 4];                                           \
  } keelson_plugin_note = {sizeof KEELSON_NOTE_OWNER, 8 + (sizeof KEELSON_NOTE_TEXT(name_, version_) + 3) / 4 * 4, \
                           KEELSON_NOTE_TYPE, KEELSON_NOTE_OWNER, KEELSON_ABI_MAJOR, KEELSON_ABI_MINOR,           \
                           KEELSON_NOTE_TEXT(name_, version_)}
#endif
