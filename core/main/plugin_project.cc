#include "core/main/plugin_project.hpp"

#include <filesystem>
#include <fstream>
#include <map>

namespace keelson::server {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kLabelBytesMax = 63;

bool lower_or_digit(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }

bool is_label(std::string_view name) {
  if (name.empty() || name.size() > kLabelBytesMax || name.front() == '-' || name.back() == '-' || (name.front() >= '0' && name.front() <= '9')) return false;
  for (const char c : name)
    if (!lower_or_digit(c) && c != '-') return false;
  return true;
}

/// "my-site" -> "MySite"
std::string kind_name(std::string_view name) {
  std::string out;
  bool upper = true;
  for (const char c : name) {
    if (c != '-') out += upper && c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    upper = c == '-';
  }
  return out;
}

std::string without_dashes(std::string_view name, std::string_view with) {
  std::string out;
  for (const char c : name) c == '-' ? out += with : out += c;
  return out;
}

std::string plural_of(const std::string& singular) {
  const bool hissing = singular.ends_with('s') || singular.ends_with('x') || singular.ends_with("ch") || singular.ends_with("sh");
  if (hissing) return singular + "es";
  const bool vowel_before_y = singular.size() > 1 && std::string_view("aeiou").find(singular[singular.size() - 2]) != std::string_view::npos;
  return singular.ends_with('y') && !vowel_before_y ? singular.substr(0, singular.size() - 1) + "ies" : singular + "s";
}

using Words = std::map<std::string, std::string, std::less<>>;

std::string filled(std::string_view text, const Words& words) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const auto end = text[at] == '@' ? text.find('@', at + 1) : std::string_view::npos;
    const auto word = end == std::string_view::npos ? words.end() : words.find(text.substr(at + 1, end - at - 1));
    if (word == words.end()) {
      out += text[at++];
    } else {
      out += word->second;
      at = end + 1;
    }
  }
  return out;
}

base::Outcome<void> write(const fs::path& file, const std::string& text) {
  std::error_code failed;
  fs::create_directories(file.parent_path(), failed);
  std::ofstream out(file, std::ios::binary);
  out << text;
  if (!out.flush()) return base::bad_request(file.string() + " cannot be written");
  return {};
}

}  // namespace

base::Outcome<std::vector<std::string>> write_plugin_project(const std::string& name, const std::string& directory) {
  if (!is_label(name)) return base::bad_request("\"" + name + "\" is no name for a plugin: lower case letters, digits and -, beginning with a letter");
  std::error_code failed;
  if (fs::exists(directory, failed) && !fs::is_empty(directory, failed)) return base::bad_request(directory + " is there already, and not empty");
  const auto singular = without_dashes(name, ""), plural = plural_of(singular);
  if (plural.size() > kLabelBytesMax) return base::bad_request("the kind's plural " + plural + " would have " + std::to_string(plural.size()) + " letters, of " + std::to_string(kLabelBytesMax) + " at most");
  const Words words = {{"name", name}, {"Kind", kind_name(name)}, {"singular", singular}, {"plural", plural}, {"under_name", without_dashes(name, "_")}};
  std::vector<std::string> made;
  for (const auto& [path, text] : plugin_template()) {
    made.push_back(filled(path, words));
    if (auto done = write(fs::path(directory) / made.back(), filled(text, words)); !done) return done.error();
  }
  return made;
}

}  // namespace keelson::server
