// JsonWriter: appends JSON text to a string; commas come by themselves.
//
// Threads: one. Ownership: the string is the caller's.
#pragma once
#include <string>
#include <string_view>

#include "core/base/json_text.hpp"

namespace keelson::kinds {

class JsonWriter {
 public:
  explicit JsonWriter(std::string& out) : out_(out) {}

  void open(char bracket) {
    separate();
    out_ += bracket;
  }
  void close(char bracket) { out_ += bracket; }
  void key(std::string_view name) {
    text(name);
    out_ += ':';
  }
  void text(std::string_view value) {
    separate();
    base::append_json_string(out_, value);
  }
  /// `json` is JSON text already.
  void raw(std::string_view json) {
    separate();
    out_ += json;
  }
  void member(std::string_view name, std::string_view value) {
    key(name);
    text(value);
  }
  void raw_member(std::string_view name, std::string_view json) {
    key(name);
    raw(json);
  }
  template <class List>
  void list_member(std::string_view name, const List& values) {
    key(name);
    open('[');
    for (const auto& value : values) text(value);
    close(']');
  }

 private:
  void separate() {
    if (out_.empty()) return;
    const char last = out_.back();
    if (last != '{' && last != '[' && last != ':') out_ += ',';
  }

  std::string& out_;
};

}  // namespace keelson::kinds
