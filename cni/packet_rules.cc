#include "packet_rules.hpp"

#include <algorithm>
#include <cctype>

namespace keelson::cni {
namespace {

using Set = PacketRules::Set;
using Chain = std::vector<std::string>;

const char* word_of(const Set& set) { return set.type == kVerdicts ? "map " : "set "; }

std::string joined(const std::vector<std::string>& elements) {
  std::string text;
  for (const auto& element : elements) text += (text.empty() ? "" : ", ") + element;
  return text;
}

std::vector<std::string> elements_of(const Set& set) {
  std::vector<std::string> out;
  for (const auto& [element, holders] : set.elements) out.push_back(element);
  return out;
}

std::vector<std::string> only_in(const Set& a, const Set& b) {
  std::vector<std::string> out;
  for (const auto& [element, holders] : a.elements)
    if (!b.elements.contains(element)) out.push_back(element);
  return out;
}

template <class Value>
const Value* find(const std::map<std::string, Value>& all, const std::string& name) {
  const auto found = all.find(name);
  return found == all.end() ? nullptr : &found->second;
}

template <class Value>
void adopt_one(std::map<std::string, Value>& to, const std::map<std::string, Value>& from, const std::string& name) {
  if (const auto* value = find(from, name)) to[name] = *value;
  else to.erase(name);
}

/// What refers comes after what it refers to, and goes before it.
struct Script {
  std::string sets, chains, rules, elements, flushes, removals, set_removals;
  std::string text() const { return sets + chains + rules + elements + flushes + removals + set_removals; }
};

void change_set(Script& script, const std::string& table, const std::string& name, const Set* held, const Set* wanted) {
  const std::string at = "inet " + table + " " + name;
  if (wanted == nullptr) {
    if (held != nullptr) script.set_removals += std::string("delete ") + word_of(*held) + at + "\n";
    return;
  }
  static const Set none;
  if (held == nullptr) script.sets += std::string("add ") + word_of(*wanted) + at + " { type " + wanted->type + "; }\n";
  const auto& before = held == nullptr ? none : *held;
  if (const auto gone = only_in(before, *wanted); !gone.empty()) script.elements += "delete element " + at + " { " + joined(gone) + " }\n";
  if (const auto more = only_in(*wanted, before); !more.empty()) script.elements += "add element " + at + " { " + joined(more) + " }\n";
}

void change_chain(Script& script, const std::string& table, const std::string& name, const Chain* held, const Chain* wanted) {
  if (held != nullptr && wanted != nullptr && *held == *wanted) return;
  const std::string at = "inet " + table + " " + name;
  if (wanted == nullptr) {
    if (held == nullptr) return;
    script.flushes += "flush chain " + at + "\n";
    script.removals += "delete chain " + at + "\n";
    return;
  }
  if (held == nullptr) script.chains += "add chain " + at + "\n";
  else script.rules += "flush chain " + at + "\n";
  for (const auto& line : *wanted) script.rules += "add rule " + at + " " + line + "\n";
}

}  // namespace

void PacketRules::adopt(const PacketRules& from, const std::set<std::string>& names) {
  for (const auto& name : names) {
    adopt_one(sets, from.sets, name);
    adopt_one(chains, from.chains, name);
  }
}

std::string table_name(const std::string& bridge) {
  std::string name = "keelson_" + bridge;
  std::replace_if(name.begin(), name.end(), [](unsigned char c) { return std::isalnum(c) == 0; }, '_');
  return name;
}

std::string script_of_none(const std::string& table) { return "add table inet " + table + "\ndelete table inet " + table + "\n"; }

std::string script_of_all(const std::string& table, const PacketRules& wanted) {
  std::string text = script_of_none(table) + "table inet " + table + " {\n";
  for (const auto& [name, set] : wanted.sets) {
    text += std::string("  ") + word_of(set) + name + " {\n    type " + set.type + "\n";
    if (!set.elements.empty()) text += "    elements = { " + joined(elements_of(set)) + " }\n";
    text += "  }\n";
  }
  for (const auto& [name, lines] : wanted.chains) {
    text += "  chain " + name + " {\n";
    for (const auto& line : lines) text += "    " + line + "\n";
    text += "  }\n";
  }
  return text + "}\n";
}

std::string script_of_changes(const std::string& table, const PacketRules& held, const PacketRules& wanted, const std::set<std::string>& names) {
  Script script;
  for (const auto& name : names) {
    change_set(script, table, name, find(held.sets, name), find(wanted.sets, name));
    change_chain(script, table, name, find(held.chains, name), find(wanted.chains, name));
  }
  return script.text();
}

}  // namespace keelson::cni
