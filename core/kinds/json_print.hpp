// Printing JSON: the pieces that the encoder, the tables and error texts share.
//
// Threads: any, stateless. Errors: none; a value prints as what it is.
#pragma once
#include <boost/json/value.hpp>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>

namespace keelson::kinds {

/// Where whole bodies are printed: one buffer, used again and again, whose content is copied out once its size is known.
class TextBuffer {
 public:
  void put(char c) { *room(1) = c, ++used_; }
  void put(std::string_view text) {
    if (text.empty()) return;
    std::memcpy(room(text.size()), text.data(), text.size());
    used_ += text.size();
  }
  void put(std::size_t count, char c) {
    std::memset(room(count), c, count);
    used_ += count;
  }
  /// `"name":`, for a name that needs no escapes.
  void put_key(std::string_view name) {
    char* const at = room(name.size() + 3);
    *at = '"';
    std::memcpy(at + 1, name.data(), name.size());
    std::memcpy(at + 1 + name.size(), "\":", 2);
    used_ += name.size() + 3;
  }
  std::size_t size() const { return used_; }
  std::string_view text() const { return {bytes_.get(), used_}; }
  /// Empties it; what is larger than `kept_max` bytes is given back.
  void clear(std::size_t kept_max) {
    used_ = 0;
    if (size_ > kept_max) bytes_.reset(), size_ = 0;
  }

 private:
  char* room(std::size_t more) {
    if (more > size_ - used_) grow(more);
    return bytes_.get() + used_;
  }
  void grow(std::size_t more);
  std::unique_ptr<char[]> bytes_;
  std::size_t size_ = 0, used_ = 0;
};

/// Appends `text` as a JSON string, with its quotes.
void print_string(std::string& out, std::string_view text);
/// Appends a number as Go prints it (1e+21, 0.5), or `true`, `false`, `null`, or a string.
void print_scalar(std::string& out, const boost::json::value& value);
/// Appends any value, compact, members in their given order.
void print_value(std::string& out, const boost::json::value& value);
void print_string(TextBuffer& out, std::string_view text);
void print_value(TextBuffer& out, const boost::json::value& value);

}  // namespace keelson::kinds
