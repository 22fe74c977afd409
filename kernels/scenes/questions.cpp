#include "kernels/scenes/questions.hpp"

#include "kernels/base/check.hpp"
#include "kernels/scenes/wording.hpp"

#include <algorithm>
#include <array>

namespace freshet::scenes {
namespace {

constexpr std::array<std::string_view, grammar_categories + 1> category_names{"color", "shape", "count", "exist",
                                                                              "where", "size",  "other"};
/// Questions of the category "exist" differ in how much they name.
enum class naming { shape, color, both };

/// What an existence question is about; only the named half counts.
struct target {
  naming by = naming::both;
  shape form = shape::circle;
  color tint = color::red;
};

bool present(const scene& asked, const target& t) {
  return std::any_of(asked.objects.begin(), asked.objects.end(), [&](const object& o) {
    return (t.by == naming::color || o.form == t.form) && (t.by == naming::shape || o.tint == t.tint);
  });
}

template <class Predicate>
std::size_t how_many(const scene& asked, Predicate matches) {
  return static_cast<std::size_t>(std::count_if(asked.objects.begin(), asked.objects.end(), matches));
}

template <class T>
const T& pick(const std::vector<T>& from, rng& random) {
  return from[static_cast<std::size_t>(random.below(from.size()))];
}

/// Puts the questions about one scene into words.
class asker {
 public:
  asker(const scene& asked, rng& random, const question_style& style)
      : asked_(asked), random_(random), style_(style), shapes_(style.new_shapes ? all_shapes : base_shapes) {
    FRESHET_ENSURE(!asked.objects.empty() && asked.objects.size() < number_words.size(), "a scene of 1 to 4 objects");
  }

  qa one() {
    const auto kind = static_cast<category>(random_.below(grammar_categories));
    switch (kind) {
      case category::color: {
        const object& o = any_object();
        return color_of(o, pick(names_without_color(o), random_));
      }
      case category::shape: {
        const object& o = any_object();
        return shape_of(o, pick(names_without_shape(o), random_));
      }
      case category::count:
        return one_count();
      case category::exist:
        return one_existence();
      case category::where: {
        const object& o = any_object();
        const auto ref = pick(names_without_place(o), random_);
        return random_.chance(0.5) ? side_of(o, ref) : height_of(o, ref);
      }
      case category::size:
      default: {
        const object& o = any_object();
        return size_of(o, pick(all_names(o), random_));
      }
    }
  }

  std::vector<qa> all() {
    std::vector<qa> out;
    for (const object& o : asked_.objects) {
      for (const auto& ref : names_without_color(o)) out.push_back(color_of(o, ref));
      for (const auto& ref : names_without_shape(o)) out.push_back(shape_of(o, ref));
      for (const auto& ref : names_without_place(o)) {
        out.push_back(side_of(o, ref));
        out.push_back(height_of(o, ref));
      }
      for (const auto& ref : all_names(o)) out.push_back(size_of(o, ref));
    }
    all_counts(out);
    all_existences(out);
    random_.shuffle(out);
    return out;
  }

 private:
  const object& any_object() { return pick(asked_.objects, random_); }

  // Names of an object: what sets it apart from all others in the scene.
  using names = std::vector<reference>;
  [[nodiscard]] static reference by_place(const object& o) { return reference::at_place(o.row, o.column); }
  [[nodiscard]] static reference by_both(const object& o) { return reference::of(o.tint, o.form); }
  void add_by_shape(const object& o, names& out) const {
    if (how_many(asked_, [&](const object& other) { return other.form == o.form; }) == 1)
      out.push_back(reference::of(o.form));
  }
  void add_by_color(const object& o, names& out) const {
    if (how_many(asked_, [&](const object& other) { return other.tint == o.tint; }) == 1)
      out.push_back(reference::of(o.tint));
  }
  [[nodiscard]] names names_without_color(const object& o) const {
    names out{by_place(o)};
    add_by_shape(o, out);
    return out;
  }
  [[nodiscard]] names names_without_shape(const object& o) const {
    names out{by_place(o)};
    add_by_color(o, out);
    return out;
  }
  [[nodiscard]] names names_without_place(const object& o) const {
    names out{by_both(o)};
    add_by_shape(o, out);
    add_by_color(o, out);
    return out;
  }
  [[nodiscard]] names all_names(const object& o) const {
    names out = names_without_place(o);
    out.push_back(by_place(o));
    return out;
  }

  // One function a form.
  qa say(form f, category kind, std::string_view answer, const reference& about = {}) {
    const bool anew = random_.chance(style_.new_wording);
    return {phrase(f, about, anew), std::string(answer), kind};
  }
  qa color_of(const object& o, const reference& ref) { return say(form::color_of, category::color, name(o.tint), ref); }
  qa shape_of(const object& o, const reference& ref) { return say(form::shape_of, category::shape, name(o.form), ref); }
  qa size_of(const object& o, const reference& ref) { return say(form::size_of, category::size, name(o.size), ref); }
  qa side_of(const object& o, const reference& ref) {
    return say(form::side_of, category::where, side_words[static_cast<std::size_t>(o.column)], ref);
  }
  qa height_of(const object& o, const reference& ref) {
    return say(form::height_of, category::where, height_words[static_cast<std::size_t>(o.row)], ref);
  }
  qa count_all() { return say(form::count_all, category::count, number_words[asked_.objects.size()]); }
  qa count_color(color tint) {
    const auto n = how_many(asked_, [&](const object& o) { return o.tint == tint; });
    return say(form::count_some, category::count, number_words[n], reference::of(tint));
  }
  qa count_size(object_size size) {
    const auto n = how_many(asked_, [&](const object& o) { return o.size == size; });
    return say(form::count_some, category::count, number_words[n], reference::of(size));
  }
  qa exists(const target& t) {
    const reference ref = t.by == naming::shape   ? reference::of(t.form)
                          : t.by == naming::color ? reference::of(t.tint)
                                                  : reference::of(t.tint, t.form);
    return say(form::exists, category::exist, present(asked_, t) ? "yes" : "no", ref);
  }

  qa one_count() {
    switch (random_.below(3)) {
      case 0:
        return count_all();
      case 1:
        return count_size(static_cast<object_size>(random_.below(all_sizes)));
      default:
        break;
    }
    // The number first, then a color that has it; the rare higher numbers are preferred.
    std::array<std::vector<color>, number_words.size()> with_count;
    for (std::size_t c = 0; c < all_colors; ++c) {
      const auto tint = static_cast<color>(c);
      with_count[how_many(asked_, [&](const object& o) { return o.tint == tint; })].push_back(tint);
    }
    for (std::size_t n = with_count.size(); n-- > 2;)
      if (!with_count[n].empty() && random_.chance(0.7)) return count_color(pick(with_count[n], random_));
    const std::size_t n = !with_count[1].empty() && random_.chance(0.5) ? 1 : 0;
    return count_color(pick(with_count[n], random_));
  }

  qa one_existence() {
    const auto by = static_cast<naming>(random_.below(3));
    if (!random_.chance(0.5)) return exists(absent(by));
    const object& o = any_object();
    return exists({by, o.form, o.tint});
  }
  /// Something that is not there. Half of the pairs keep one half of an object that is, so that
  /// the pair must be seen and not just one of its words.
  target absent(naming by) {
    for (;;) {
      target t{by, static_cast<shape>(random_.below(shapes_)), static_cast<color>(random_.below(all_colors))};
      if (by == naming::both && random_.chance(0.5)) {
        const object& o = any_object();
        if (random_.chance(0.5)) {
          t.form = o.form;
        } else {
          t.tint = o.tint;
        }
      }
      if (!present(asked_, t)) return t;
    }
  }

  void all_counts(std::vector<qa>& out) {
    out.push_back(count_all());
    std::vector<qa> none;
    const auto add = [&](qa q) { (q.answer == number_words[0] ? none : out).push_back(std::move(q)); };
    const std::size_t before = out.size();
    for (std::size_t c = 0; c < all_colors; ++c) add(count_color(static_cast<color>(c)));
    for (std::size_t s = 0; s < all_sizes; ++s) add(count_size(static_cast<object_size>(s)));
    keep_some(none, out.size() - before, out);
  }

  void all_existences(std::vector<qa>& out) {
    std::array<std::vector<qa>, 3> yes;
    std::array<std::vector<qa>, 3> no;
    const auto add = [&](const target& t) {
      auto& side = present(asked_, t) ? yes : no;
      side[static_cast<std::size_t>(t.by)].push_back(exists(t));
    };
    for (std::size_t s = 0; s < shapes_; ++s) add({naming::shape, static_cast<shape>(s), color::red});
    for (std::size_t c = 0; c < all_colors; ++c) add({naming::color, shape::circle, static_cast<color>(c)});
    for (std::size_t s = 0; s < shapes_; ++s)
      for (std::size_t c = 0; c < all_colors; ++c) add({naming::both, static_cast<shape>(s), static_cast<color>(c)});
    for (std::size_t by = 0; by < 3; ++by) {
      const std::size_t each = std::min(yes[by].size(), no[by].size());
      keep_some(yes[by], each, out);
      keep_some(no[by], each, out);
    }
  }

  void keep_some(std::vector<qa>& from, std::size_t count, std::vector<qa>& out) {
    random_.shuffle(from);
    for (std::size_t i = 0; i < std::min(count, from.size()); ++i) out.push_back(std::move(from[i]));
  }

  const scene& asked_;
  rng& random_;
  const question_style& style_;
  std::size_t shapes_;
};

}  // namespace

std::string_view name(category value) noexcept { return category_names[static_cast<std::size_t>(value)]; }

std::vector<qa> all_questions(const scene& asked, rng& random, const question_style& style) {
  return asker(asked, random, style).all();
}

qa one_question(const scene& asked, rng& random, const question_style& style) {
  return asker(asked, random, style).one();
}

std::vector<qa> some_questions(const scene& asked, rng& random, std::size_t count, const question_style& style) {
  asker ask(asked, random, style);
  std::vector<qa> out;
  // A scene of one object has few questions in some categories: give up after enough repeats.
  for (std::size_t tries = 0; out.size() < count && tries < 8 * count + 8; ++tries) {
    qa q = ask.one();
    const bool known = std::any_of(out.begin(), out.end(), [&](const qa& o) { return o.question == q.question; });
    if (!known) out.push_back(std::move(q));
  }
  return out;
}

}  // namespace freshet::scenes
