// Looks into a shared library without running any of it.
//
// Invariants: reads with bounds checked everywhere; a file of any content gives an answer, never a crash.
// Threads: any.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.hpp"

namespace keelson::plugins {

/// Largest file that is looked at, in bytes.
inline constexpr std::size_t kLibraryBytesMax = 512u << 20;

/// What a plugin says of itself in its note (sdk/abi/keelson_note.h).
struct PluginNote {
  std::uint32_t abi_major = 0, abi_minor = 0;
  std::map<std::string, std::string> texts;   ///< name, version, compiler, sanitizer
  std::string text(const std::string& key) const;
};

struct ElfFacts {
  std::string machine;                  ///< "x86_64", "aarch64" ...
  bool for_this_machine = false;        ///< false: nothing below is known
  bool shared_library = false;
  std::vector<std::string> exports;     ///< functions and objects that others can see
  std::vector<std::string> imports;     ///< what it takes from other libraries, without versions
  std::vector<std::string> libraries;   ///< that are loaded with it
  std::optional<PluginNote> note;
};

/// The error's message says what the file is instead, or where it is damaged.
base::Outcome<ElfFacts> read_elf(std::string_view content);

/// Names of the functions and objects that a library for this machine exports.
base::Outcome<std::vector<std::string>> exported_symbols(std::string_view content);

/// The machine that this program was made for, as ElfFacts::machine.
std::string this_machine();

}  // namespace keelson::plugins
