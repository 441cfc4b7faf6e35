// YAML as kubectl's converter reads it (sigs.k8s.io/yaml over YAML 1.1): the first document, as JSON. Built from
// yaml-cpp's events rather than its nodes, so that aliases are copies that are counted.
#include <simdjson.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <map>
#include <optional>
#include <istream>
#include <streambuf>

#include "core/kinds/parse.hpp"
#include "core/kinds/yaml_scalar.hpp"

namespace keelson::kinds {
namespace {

constexpr std::size_t kAliasNodesFree = 1'000;          ///< nodes that aliases may add to any document
constexpr std::size_t kAliasNodesPerNode = 10;          ///< and how often they may repeat what was written
constexpr std::size_t kAliasNodesMax = 200'000;
constexpr std::size_t kYamlNestingMax = 400;            ///< yaml-cpp recurses a level for each; its own guard is at 500

class Refused : public std::exception {
 public:
  explicit Refused(std::string why) : why_(std::move(why)) {}
  const char* what() const noexcept override { return why_.c_str(); }

 private:
  std::string why_;
};

std::size_t count_nodes(const json::value& value) {
  std::size_t nodes = 1;
  if (const auto* object = value.if_object())
    for (const auto& member : *object) nodes += count_nodes(member.value());
  if (const auto* array = value.if_array())
    for (const auto& element : *array) nodes += count_nodes(element);
  return nodes;
}

class Tree : public YAML::EventHandler {
 public:
  Tree(json::storage_ptr memory, std::vector<std::string>& duplicates) : memory_(std::move(memory)), duplicates_(duplicates) {}

  json::value take() { return std::move(root_); }

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override { add(mark, json::value(nullptr, memory_), anchor, ""); }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, const std::string& text) override {
    auto scalar = yaml_scalar(tag, text, memory_);
    const auto* string = scalar.value.if_string();
    if (string && !simdjson::validate_utf8(string->data(), string->size())) throw Refused(at_line(mark) + "invalid UTF-8");
    if (!scalar.fault.empty()) throw Refused(at_line(mark) + scalar.fault);
    add(mark, std::move(scalar.value), anchor, tag == "?" && text == "<<" ? "<<" : "");
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto known = anchors_.find(anchor);
    if (known == anchors_.end()) throw Refused(at_line(mark) + "anchor contains itself");
    alias_nodes_ += known->second.nodes;
    if (alias_nodes_ > kAliasNodesMax || alias_nodes_ > kAliasNodesFree + kAliasNodesPerNode * nodes_)
      throw Refused("document contains excessive aliasing");
    put(mark, json::value(known->second.value, memory_), "");
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor, YAML::EmitterStyle::value) override {
    open(mark, json::value(json::array(memory_)), anchor);
  }
  void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t anchor, YAML::EmitterStyle::value) override {
    open(mark, json::value(json::object(memory_)), anchor);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapEnd() override { close(); }

 private:
  struct Open {
    json::value value;
    YAML::anchor_t anchor = 0;
    std::optional<std::string> key;       // of the value that comes next
    bool merge = false;                   // that key is "<<"
    std::vector<json::value> merged;      // maps that are merged in where the map itself says nothing
    YAML::Mark mark;
  };
  struct Anchored {
    json::value value;
    std::size_t nodes;
  };

  static std::string at_line(const YAML::Mark& mark) { return "line " + std::to_string(mark.line + 1) + ": "; }

  void open(const YAML::Mark& mark, json::value&& value, YAML::anchor_t anchor) {
    if (stack_.size() >= kYamlNestingMax) throw Refused("exceeded max depth");
    ++nodes_;
    stack_.push_back(Open{std::move(value), anchor, std::nullopt, false, {}, mark});
  }

  void close() {
    Open done = std::move(stack_.back());
    stack_.pop_back();
    if (auto* object = done.value.if_object())
      for (auto& from : done.merged) merge(*object, from, done.mark);
    remember(done.anchor, done.value);
    put(done.mark, std::move(done.value), "");
  }

  void merge(json::object& into, json::value& from, const YAML::Mark& mark) {
    if (auto* maps = from.if_array()) {
      for (auto& each : *maps) merge(into, each, mark);
      return;
    }
    const auto* map = from.if_object();
    if (!map) throw Refused(at_line(mark) + "map merge requires map or sequence of maps as the value");
    for (const auto& [key, value] : *map)
      if (!into.contains(key)) into.emplace(key, json::value(value, memory_));
  }

  void add(const YAML::Mark& mark, json::value&& value, YAML::anchor_t anchor, std::string_view special) {
    ++nodes_;
    remember(anchor, value);
    put(mark, std::move(value), special);
  }

  void remember(YAML::anchor_t anchor, const json::value& value) {
    if (anchor != 0) anchors_.insert_or_assign(anchor, Anchored{json::value(value, memory_), count_nodes(value)});
  }

  void put(const YAML::Mark& mark, json::value&& value, std::string_view special) {
    if (stack_.empty()) {
      root_ = std::move(value);
      return;
    }
    auto& top = stack_.back();
    if (auto* array = top.value.if_array()) {
      array->push_back(std::move(value));
    } else if (!top.key) {
      top.merge = special == "<<";
      auto key = yaml_key(value);
      if (!key) throw Refused(at_line(mark) + "invalid map key");
      top.key = std::move(*key);
    } else {
      put_member(mark, top, std::move(value));
    }
  }

  void put_member(const YAML::Mark& mark, Open& top, json::value&& value) {
    const std::string key = std::move(*top.key);
    top.key.reset();
    if (top.merge) {
      top.merged.push_back(std::move(value));
      return;
    }
    auto& object = top.value.get_object();
    const auto [at, added] = object.emplace(key, nullptr);
    at->value() = std::move(value);
    if (!added && duplicates_.size() < kComplaintsMax)
      duplicates_.push_back("yaml: unmarshal errors:\n  " + at_line(mark) + "key \"" + key + "\" already set in map");
  }

  json::storage_ptr memory_;
  std::vector<std::string>& duplicates_;
  json::value root_;
  std::vector<Open> stack_;
  std::map<YAML::anchor_t, Anchored> anchors_;
  std::size_t nodes_ = 0, alias_nodes_ = 0;
};

// Reads the caller's bytes without a copy.
class Bytes : public std::streambuf {
 public:
  explicit Bytes(std::string_view text) {
    auto* begin = const_cast<char*>(text.data());
    setg(begin, begin, begin + text.size());
  }
};

// yaml-cpp keeps every flow bracket that may begin a key until it is closed, so the depth is checked before.
bool flow_too_deep(std::string_view body) {
  std::size_t depth = 0;
  for (const char c : body) {
    if (c == '[' || c == '{') {
      if (++depth > kYamlNestingMax) return true;
    } else if ((c == ']' || c == '}') && depth > 0) {
      --depth;
    }
  }
  return false;
}

}  // namespace

Parsed parse_yaml(std::string_view body, json::storage_ptr memory) {
  // Most bodies sent as YAML are JSON, or begin like it.
  const auto first = body.find_first_not_of(" \t\r\n");
  if (first != std::string_view::npos && body[first] == '{') {
    auto as_json = parse_json(body, memory);
    if (as_json.fault.empty()) return as_json;
  }
  Parsed parsed{json::value(memory), {}, 0, {}};
  if (flow_too_deep(body)) {
    parsed.fault = "error converting YAML to JSON: yaml: exceeded max depth";
    return parsed;
  }
  Tree tree(memory, parsed.duplicates);
  try {
    Bytes bytes(body);
    std::istream stream(&bytes);
    YAML::Parser parser(stream);
    parser.HandleNextDocument(tree);
    parsed.value = tree.take();
  } catch (const Refused& refused) {
    parsed.fault = std::string("error converting YAML to JSON: yaml: ") + refused.what();
  } catch (const YAML::Exception& wrong) {
    parsed.fault = "error converting YAML to JSON: yaml: line " + std::to_string(wrong.mark.line + 1) + ": " + wrong.msg;
  }
  return parsed;
}

}  // namespace keelson::kinds
