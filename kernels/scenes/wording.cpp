#include "kernels/scenes/wording.hpp"

#include <set>

namespace freshet::scenes {
namespace {

struct wording {
  std::string_view plain;
  std::string_view anew;
};

/// One line a form, in the order of the enum. `@` stands for the name of what is asked about.
constexpr std::array<wording, all_forms> wordings{{
    {"what color is the @?", "which colour does the @ have?"},
    {"what shape is the @?", "which form does the @ have?"},
    {"how many objects are there?", "count all things in this picture"},
    {"how many @ objects are there?", "count the @ things in this picture"},
    {"is there a @?", "can you see some @ here?"},
    {"is the @ on the left or right?", "which side holds the @ left or right?"},
    {"is the @ at the top or bottom?", "which half holds the @ top or bottom?"},
    {"what size is the @?", "how big does the @ look?"},
}};

std::string_view noun(bool anew) { return anew ? "thing" : "object"; }

/// "red circle", "red object", "small", "object at the top left".
std::string describe(form asked, const reference& about, bool anew) {
  std::string out;
  const auto append = [&](std::string_view word) {
    if (!out.empty()) out += ' ';
    out += word;
  };
  if (about.size) append(name(*about.size));
  if (about.tint) append(name(*about.tint));
  if (about.what) append(name(*about.what));
  const bool noun_is_in_template = asked == form::count_some;
  if (!about.what && !noun_is_in_template) append(noun(anew));
  if (about.row && about.column) {
    append(anew ? "in the" : "at the");
    append(anew ? (*about.row == 0 ? "upper" : "lower") : height_words[static_cast<std::size_t>(*about.row)]);
    append(side_words[static_cast<std::size_t>(*about.column)]);
    if (anew) append("corner");
  }
  return out;
}

std::vector<std::string> sorted(const std::set<std::string>& words) { return {words.begin(), words.end()}; }

std::set<std::string> answer_words() {
  std::set<std::string> out{"yes", "no"};
  for (std::size_t i = 0; i < all_shapes; ++i) out.emplace(name(static_cast<shape>(i)));
  for (std::size_t i = 0; i < all_colors; ++i) out.emplace(name(static_cast<color>(i)));
  for (std::size_t i = 0; i < all_sizes; ++i) out.emplace(name(static_cast<object_size>(i)));
  for (const auto word : number_words) out.emplace(word);
  for (const auto word : side_words) out.emplace(word);
  for (const auto word : height_words) out.emplace(word);
  return out;
}

}  // namespace

std::string phrase(form asked, const reference& about, bool new_wording) {
  const wording& both = wordings[static_cast<std::size_t>(asked)];
  std::string text(new_wording ? both.anew : both.plain);
  const auto slot = text.find('@');
  if (slot != std::string::npos) text.replace(slot, 1, describe(asked, about, new_wording));
  return text;
}

const std::vector<std::string>& vocabulary() {
  static const std::vector<std::string> words = [] {
    std::set<std::string> all = answer_words();
    // Every slot is filled by names, which are answers, or by the few words of `describe`.
    for (std::size_t f = 0; f < all_forms; ++f)
      for (const bool anew : {false, true})
        for (const int row : {0, 1})
          for (auto& word : split_words(phrase(static_cast<form>(f), reference::at_place(row, 0), anew)))
            all.insert(std::move(word));
    return sorted(all);
  }();
  return words;
}

const std::vector<std::string>& answers() {
  static const std::vector<std::string> words = sorted(answer_words());
  return words;
}

std::vector<std::string> split_words(std::string_view text) {
  std::vector<std::string> words;
  std::string word;
  for (const char c : text) {
    const char low = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    const bool letter = (low >= 'a' && low <= 'z') || (low >= '0' && low <= '9');
    if (letter) {
      word += low;
    } else if (!word.empty()) {
      words.push_back(std::move(word));
      word.clear();
    }
  }
  if (!word.empty()) words.push_back(std::move(word));
  return words;
}

}  // namespace freshet::scenes
