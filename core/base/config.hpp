// Config: typed settings from, in rising order of precedence, a default, YAML files, KEELSON_... variables, and flags.
//
// Invariants: a setting has one name in all three: flag `--data-dir`, YAML key `data-dir`, variable `KEELSON_DATA_DIR`.
//   Later files win over earlier ones; a key `name+` appends to a list. A key nobody declared is an error that names it.
// Threads: one. Ownership: values. Errors: 400s whose message names source and key; nothing is half applied.
#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/base/error.hpp"

namespace keelson::base {

class Config {
 public:
  /// Declares a setting and its default.
  void declare(const std::string& name, std::string fallback, std::string help);
  void declare_list(const std::string& name, std::vector<std::string> fallback, std::string help);

  /// A missing file is an error; so is anything but one mapping of scalars and lists.
  Outcome<void> read_file(const std::string& path);
  /// Every *.yaml of `directory` in alphabetical order; a missing directory is none.
  Outcome<void> read_directory(const std::string& directory);
  Outcome<void> read_yaml(const std::string& text, const std::string& source);
  /// `lookup` gives the value of an environment variable, if set.
  void read_environment(const std::function<std::optional<std::string>(const std::string&)>& lookup);
  /// From the command line: wins over everything.
  Outcome<void> set_flag(const std::string& name, const std::string& value);

  std::string text(const std::string& name) const;
  /// Comma-separated in variables and flags, a sequence or such a text in YAML.
  std::vector<std::string> list(const std::string& name) const;
  Outcome<std::int64_t> number(const std::string& name, std::int64_t least, std::int64_t most) const;
  Outcome<bool> boolean(const std::string& name) const;
  /// "500ms", "30s", "5m", "1h", a bare number is seconds.
  Outcome<std::int64_t> duration_ms(const std::string& name) const;

  /// The effective settings as YAML, each with where it came from.
  std::string effective() const;
  /// Name -> help, for the command line.
  std::vector<std::pair<std::string, std::string>> declared() const;

 private:
  enum class Source { fallback, file, environment, flag };
  struct Setting {
    std::vector<std::string> values;
    bool is_list = false;
    Source source = Source::fallback;
    std::string origin, help;
  };
  Outcome<void> assign(const std::string& name, std::vector<std::string> values, bool append, Source source, const std::string& origin);
  const Setting& setting(const std::string& name) const;

  std::map<std::string, Setting> settings_;
};

/// The process's environment, for read_environment().
std::optional<std::string> environment_variable(const std::string& name);

}  // namespace keelson::base
