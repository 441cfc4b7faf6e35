#include "core/base/config.hpp"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>

#include "core/base/json_text.hpp"

namespace keelson::base {
namespace {

std::vector<std::string> split_list(const std::string& text) {
  std::vector<std::string> out;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    if (end > begin) out.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return out;
}

std::string variable_of(const std::string& name) {
  std::string out = "KEELSON_";
  for (const char c : name) out += c == '-' ? '_' : static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
  return out;
}

Error bad_value(const std::string& name, const std::string& value, const std::string& wanted) {
  return bad_request(name + ": " + base::quoted(value) + " is not " + wanted);
}

std::optional<std::int64_t> whole_number(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failure != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

Outcome<std::vector<std::string>> values_of(const YAML::Node& node, const std::string& where) {
  std::vector<std::string> out;
  if (node.IsNull()) return out;
  if (node.IsScalar()) return std::vector<std::string>{node.Scalar()};
  if (!node.IsSequence()) return bad_request(where + ": a text or a list is expected");
  for (const YAML::Node& each : node) {
    if (!each.IsScalar()) return bad_request(where + ": its elements must be texts");
    out.push_back(each.Scalar());
  }
  return out;
}

}  // namespace

void Config::declare(const std::string& name, std::string fallback, std::string help) {
  settings_[name] = {{std::move(fallback)}, false, Source::fallback, "default", std::move(help)};
}

void Config::declare_list(const std::string& name, std::vector<std::string> fallback, std::string help) {
  settings_[name] = {std::move(fallback), true, Source::fallback, "default", std::move(help)};
}

Outcome<void> Config::assign(const std::string& name, std::vector<std::string> values, bool append, Source source, const std::string& origin) {
  const auto found = settings_.find(name);
  if (found == settings_.end()) return bad_request(origin + ": unknown setting " + base::quoted(name));
  Setting& target = found->second;
  if (!target.is_list && (values.size() != 1 || append)) return bad_request(origin + ": " + name + " takes one value");
  if (source < target.source) return {};
  if (target.is_list && values.size() == 1) values = split_list(values.front());
  if (append) target.values.insert(target.values.end(), values.begin(), values.end());
  else target.values = std::move(values);
  target.source = source;
  target.origin = origin;
  return {};
}

Outcome<void> Config::read_yaml(const std::string& text, const std::string& source) {
  std::vector<std::pair<std::string, std::vector<std::string>>> read;
  try {
    const YAML::Node root = YAML::Load(text);
    if (root.IsNull()) return {};
    if (!root.IsMap()) return bad_request(source + ": a mapping is expected");
    for (const auto& entry : root) {
      const std::string name = entry.first.as<std::string>();
      auto values = values_of(entry.second, source + ": " + name);
      if (!values) return values.error();
      read.emplace_back(name, std::move(*values));
    }
  } catch (const YAML::Exception& failure) {
    return bad_request(source + ": " + failure.what());
  }
  const auto saved = settings_;
  for (auto& [name, values] : read) {
    const bool append = name.ends_with('+');
    auto assigned = assign(append ? name.substr(0, name.size() - 1) : name, std::move(values), append, Source::file, source);
    if (assigned) continue;
    settings_ = saved;
    return assigned;
  }
  return {};
}

Outcome<void> Config::read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return bad_request(path + ": cannot be read");
  return read_yaml(std::string((std::istreambuf_iterator<char>(in)), {}), path);
}

Outcome<void> Config::read_directory(const std::string& directory) {
  std::error_code failure;
  std::vector<std::string> paths;
  for (const auto& entry : std::filesystem::directory_iterator(directory, failure))
    if (entry.path().extension() == ".yaml") paths.push_back(entry.path());
  std::sort(paths.begin(), paths.end());
  for (const auto& path : paths)
    if (auto read = read_file(path); !read) return read;
  return {};
}

void Config::read_environment(const std::function<std::optional<std::string>(const std::string&)>& lookup) {
  for (const auto& [name, setting] : settings_) {
    const std::string variable = variable_of(name);
    if (auto value = lookup(variable)) (void)assign(name, {std::move(*value)}, false, Source::environment, variable);
  }
}

Outcome<void> Config::set_flag(const std::string& name, const std::string& value) { return assign(name, {value}, false, Source::flag, "--" + name); }

const Config::Setting& Config::setting(const std::string& name) const {
  const auto found = settings_.find(name);
  if (found == settings_.end()) throw std::logic_error("setting was not declared: " + name);
  return found->second;
}

std::string Config::text(const std::string& name) const { return setting(name).values.empty() ? std::string() : setting(name).values.front(); }

std::vector<std::string> Config::list(const std::string& name) const { return setting(name).values; }

Outcome<std::int64_t> Config::number(const std::string& name, std::int64_t least, std::int64_t most) const {
  const std::string value = text(name);
  const auto parsed = whole_number(value);
  if (!parsed || *parsed < least || *parsed > most) return bad_value(name, value, "a number from " + std::to_string(least) + " to " + std::to_string(most));
  return *parsed;
}

Outcome<bool> Config::boolean(const std::string& name) const {
  const std::string value = text(name);
  if (value == "true" || value == "1" || value == "yes") return true;
  if (value == "false" || value == "0" || value == "no" || value.empty()) return false;
  return bad_value(name, value, "true or false");
}

Outcome<std::int64_t> Config::duration_ms(const std::string& name) const {
  const std::string value = text(name);
  const std::size_t digits = std::min(value.find_first_not_of("0123456789"), value.size());
  const auto parsed = whole_number(std::string_view(value).substr(0, digits));
  static const std::map<std::string, std::int64_t> kUnits = {{"", 1000}, {"ms", 1}, {"s", 1000}, {"m", 60'000}, {"h", 3'600'000}};
  const auto unit = kUnits.find(value.substr(digits));
  constexpr std::int64_t kLongest = INT64_MAX / 3'600'000;
  if (!parsed || *parsed > kLongest || unit == kUnits.end()) return bad_value(name, value, "a duration like 500ms, 30s, 5m or 1h");
  return *parsed * unit->second;
}

std::string Config::effective() const {
  std::string out;
  for (const auto& [name, setting] : settings_) {
    out += name + ": ";
    if (!setting.is_list) {
      out += base::quoted(text(name));
    } else {
      out += '[';
      for (std::size_t i = 0; i < setting.values.size(); ++i) out += (i > 0 ? ", " : "") + base::quoted(setting.values[i]);
      out += ']';
    }
    out += "  # " + setting.origin + "\n";
  }
  return out;
}

std::vector<std::pair<std::string, std::string>> Config::declared() const {
  std::vector<std::pair<std::string, std::string>> out;
  for (const auto& [name, setting] : settings_) out.emplace_back(name, setting.help);
  return out;
}

std::optional<std::string> environment_variable(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  return value ? std::optional<std::string>(value) : std::nullopt;
}

}  // namespace keelson::base
