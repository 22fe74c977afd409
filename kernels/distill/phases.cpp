#include "kernels/distill/phases.hpp"

#include <algorithm>
#include <cctype>
#include <map>
#include <set>

#include "kernels/distill/augment.hpp"
#include "kernels/model/word_tokenizer.hpp"
#include "kernels/scenes/data_folder.hpp"
#include "kernels/scenes/folder_source.hpp"
#include "kernels/scenes/question_file.hpp"
#include "kernels/scenes/scene_source.hpp"
#include "kernels/scenes/wording.hpp"

namespace freshet::distill {
namespace {

constexpr std::size_t questions_per_scene = 8;

result<phase_set> open_world(std::vector<std::string> names, const phase_options& options) {
  if (names.empty()) names = scenes::shift_names();
  phase_set set;
  set.vocabulary = scenes::vocabulary();
  for (const std::string& name : names) {
    FRESHET_TRY_ASSIGN(const scenes::scene_domain domain, scenes::scene_domain::named(name, options.severity, options.side));
    phase p;
    p.name = name;
    p.draw = [domain](rng& random) -> result<scenes::example> { return domain.draw(random, questions_per_scene); };
    p.held_out = [domain, seed = options.seed](std::size_t n) -> result<std::vector<scenes::example>> {
      rng random = rng(seed).split("held out").split(domain.name());
      std::vector<scenes::example> out;
      for (std::size_t i = 0; i < n; ++i) out.push_back(domain.draw(random, 2));
      return out;
    };
    p.stream = std::make_unique<scenes::scene_source>(domain, rng(options.seed).split("stream").split(name).next());
    set.phases.push_back(std::move(p));
  }
  return set;
}

error none_about_pictures(const std::filesystem::path& file) {
  return {errc::not_found, file.string() + ": no answered question about a picture"};
}

/// The pictures and words that a model may be trained on, read once for all phases of one file.
struct train_split {
  std::shared_ptr<scenes::folder_source> source;
  std::set<std::string> words;
  bool mirror = true;  ///< no question speaks of left and right
};

result<train_split> open_train(const std::filesystem::path& file, const phase_options& options) {
  // Pictures are kept a little larger than the model's side, so that crops lose nothing.
  scenes::folder_options form;
  form.side = options.augment ? options.side * 7 / 6 : options.side;
  train_split out;
  FRESHET_TRY_ASSIGN(out.source, scenes::folder_source::open(file, form));
  if (out.source->image_count() == 0) return none_about_pictures(file);
  FRESHET_TRY_ASSIGN(const auto lines, scenes::read_question_file(file));
  for (const auto& line : lines) {
    if (!line || !line->image) continue;  // the source counts bad lines
    for (const std::string& w : model::split_words(line->question + " " + line->answer.value_or(""))) {
      if (w == "left" || w == "right") out.mirror = false;
      const bool mark = w.size() == 1 && std::ispunct(static_cast<unsigned char>(w.front())) != 0;
      if (!mark && w.size() <= model::word_tokenizer::most_word_bytes) out.words.insert(w);
    }
  }
  return out;
}

example_draw folder_draw(std::shared_ptr<scenes::folder_source> source, const phase_options& options, bool mirror,
                         const scenes::shift* filter) {
  augment_options augmenting;
  augmenting.mirror = mirror;
  return [source, options, augmenting, filter](rng& random) -> result<scenes::example> {
    // Bad pictures are passed over; a folder of only bad ones is an error.
    std::string why;
    for (int attempt = 0; attempt < 100; ++attempt) {
      auto drawn = source->example_at(random.below(source->image_count()));
      if (!drawn) {
        why = drawn.err().text();
        continue;
      }
      scenes::example e = std::move(drawn).value();
      e.picture = options.augment ? augment(e.picture, options.side, augmenting, random)
                                  : scenes::resize(e.picture, options.side, options.side);
      if (filter != nullptr) filter->apply(e.picture, options.severity, random);
      return e;
    }
    return error{errc::corrupt, "a hundred pictures in a row could not be read, the last one: " + why};
  };
}

result<phase_set> open_folder(const std::string& data, std::vector<std::string> names, const phase_options& options) {
  FRESHET_TRY_ASSIGN(const scenes::data_folder folder, scenes::list_domains(data));
  if (names.empty()) {
    if (folder.several) {
      for (const auto& d : folder.domains) names.push_back(d.name);
    } else {
      names = {"clean", "fog", "night", "noise", "clean"};
    }
  }
  phase_set set;
  std::set<std::string> words;
  std::map<std::filesystem::path, train_split> train;
  for (const std::string& name : names) {
    scenes::folder_domain files = folder.domains.front();
    const scenes::shift* filter = nullptr;
    if (folder.several) {
      FRESHET_TRY_ASSIGN(files, folder.find(name));
    } else {
      FRESHET_TRY_ASSIGN(const scenes::shift* found, scenes::find_shift(name));
      if (found->kind == scenes::shift_kind::semantic) {
        return error{errc::invalid_argument, data + ": phase \"semantic\" exists only for the built-in scenes"};
      }
      if (found->kind == scenes::shift_kind::filter) filter = found;
    }
    auto opened = train.find(files.train);
    if (opened == train.end()) {
      FRESHET_TRY_ASSIGN(train_split split, open_train(files.train, options));
      words.insert(split.words.begin(), split.words.end());
      opened = train.emplace(files.train, std::move(split)).first;
    }
    scenes::folder_options test;
    test.side = options.side;
    test.shift = filter != nullptr ? name : "clean";
    test.severity = options.severity;
    test.seed = options.seed;
    test.shuffle = true;
    FRESHET_TRY_ASSIGN(auto test_source, scenes::folder_source::open(files.test, test));
    std::shared_ptr<scenes::folder_source> held = std::move(test_source);
    if (held->image_count() == 0) return none_about_pictures(files.test);
    FRESHET_TRY_ASSIGN(auto stream, scenes::folder_source::open(files.test, test));
    phase p;
    p.name = name;
    p.draw = folder_draw(opened->second.source, options, opened->second.mirror, filter);
    p.held_out = [held, seed = options.seed](std::size_t n) -> result<std::vector<scenes::example>> {
      std::vector<std::uint64_t> order(held->image_count());
      for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
      rng random = rng(seed).split("held out");
      random.shuffle(order);
      std::vector<scenes::example> out;
      for (std::uint64_t i : order) {
        if (out.size() == n) break;
        auto e = held->example_at(i);
        if (e) out.push_back(std::move(e).value());
      }
      return out;
    };
    p.stream = std::move(stream);
    set.phases.push_back(std::move(p));
  }
  set.vocabulary.assign(words.begin(), words.end());
  return set;
}

}  // namespace

result<phase_set> open_phases(const std::string& data, const std::vector<std::string>& names,
                              const phase_options& options) {
  return data == "scenes" ? open_world(names, options) : open_folder(data, names, options);
}

}  // namespace freshet::distill
