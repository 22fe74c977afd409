#include "tools/rehearsal/rehearsal_set.hpp"

#include <filesystem>
#include <functional>
#include <memory>
#include <numeric>
#include <optional>
#include <utility>
#include <vector>

#include "actors/device/student_runtime.hpp"
#include "config/schema/distiller.hpp"
#include "kernels/base/rng.hpp"
#include "kernels/distill/qa_batch.hpp"
#include "kernels/distill/rehearsal.hpp"
#include "kernels/model/model_config.hpp"
#include "kernels/model/templated_tokenizer.hpp"
#include "kernels/scenes/data_folder.hpp"
#include "kernels/scenes/folder_source.hpp"
#include "kernels/scenes/scene_domain.hpp"
#include "kernels/scenes/shifts.hpp"
#include "kernels/scenes/skip_counter.hpp"

namespace freshet::tools {
namespace {

using scenes::example;

/// Scenes in a row of which nothing can be kept, until the built-in world is given up: it has no end.
constexpr int most_in_vain = 100;

/// Answered examples in an order of chance: none behind the last one, an error for one that cannot be read.
struct example_feed {
  std::string phase;
  std::function<std::optional<result<example>>()> next;
  scenes::skip_counter skipped;   ///< lines that are bad by themselves
};

/// Of data that has one domain.
std::string shift_of(const rehearsal_request& request) { return request.phase.empty() ? "clean" : request.phase; }

result<example_feed> feed_of_world(const rehearsal_request& request, int side) {
  const std::string phase = shift_of(request);
  FRESHET_TRY_ASSIGN(const scenes::scene_domain domain, scenes::scene_domain::named(phase, request.severity, side));
  auto draw = std::make_shared<rng>(rng(request.seed).split("rehearsal"));
  return example_feed{phase,
                      [domain, draw, count = request.questions]() -> std::optional<result<example>> {
                        return domain.draw(*draw, count);
                      },
                      {}};
}

/// The file of a phase and the shift that is put on its pictures.
struct train_file {
  std::filesystem::path path;
  std::string phase;
  std::string shift = "clean";
};

std::string names_of(const scenes::data_folder& folder) {
  std::string all;
  for (const auto& d : folder.domains) all += (all.empty() ? "" : ", ") + d.name;
  return all;
}

result<train_file> train_file_of(const rehearsal_request& request) {
  const std::string shift = shift_of(request);
  if (std::filesystem::path(request.data).extension() == ".jsonl") return train_file{request.data, shift, shift};
  FRESHET_TRY_ASSIGN(const scenes::data_folder folder, scenes::list_domains(request.data));
  if (!folder.several) return train_file{folder.domains.front().train, shift, shift};
  // A guess would make the student rehearse what is foreign to it.
  if (request.phase.empty()) {
    return error{errc::invalid_argument, request.data + " has several domains: name the student's own with --phase; there are " +
                                             names_of(folder)};
  }
  FRESHET_TRY_ASSIGN(const auto domain, folder.find(request.phase));
  return train_file{domain.train, domain.name};
}

/// Line `index` as an example of its own.
result<example> lone_question(const scenes::folder_source& source, std::uint64_t index) {
  FRESHET_TRY_ASSIGN(scenes::sample s, source.at(index));
  example e;
  if (s.answer) e.questions.push_back({std::move(s.question), std::move(*s.answer)});
  return e;
}

result<example_feed> feed_of_file(const rehearsal_request& request, const std::optional<model::vision_config>& eyes) {
  FRESHET_TRY_ASSIGN(const train_file file, train_file_of(request));
  const bool pictures = eyes.has_value();
  FRESHET_TRY_ASSIGN(const scenes::shift* shift, scenes::find_shift(file.shift));
  if (!pictures && shift->kind != scenes::shift_kind::none) {
    return error{errc::invalid_argument, "phase \"" + file.shift + "\" changes pictures; " + request.model +
                                             " reads text only, where \"clean\" is right"};
  }
  scenes::folder_options reading;
  reading.pictures = pictures;
  // As in a device's stream: first the student's size, then the shift.
  if (eyes) reading.side = static_cast<int>(eyes->image_size);
  reading.shift = file.shift;
  reading.severity = request.severity;
  reading.seed = request.seed;
  FRESHET_TRY_ASSIGN(auto opened, scenes::folder_source::open(file.path, reading));
  const std::shared_ptr<const scenes::folder_source> source = std::move(opened);
  std::vector<std::uint64_t> order(pictures ? source->image_count() : source->size());
  std::iota(order.begin(), order.end(), 0);
  rng draw = rng(request.seed).split("rehearsal");
  draw.shuffle(order);
  example_feed out;
  out.phase = file.phase;
  if (pictures) source->count_bad_lines(out.skipped);   // of text, each line is met
  out.next = [source, pictures, draw, most = request.questions, order = std::move(order),
              at = std::size_t{0}]() mutable -> std::optional<result<example>> {
    if (at == order.size()) return std::nullopt;
    const std::uint64_t index = order[at++];
    if (!pictures) return lone_question(*source, index);
    auto e = source->example_at(index);
    if (!e.ok()) return e;
    draw.shuffle(e->questions);
    if (e->questions.size() > most) e->questions.resize(most);
    return e;
  };
  return out;
}

/// Questions of an example that the student can read, with answers that a device can give; the others are counted.
class chooser {
 public:
  static result<chooser> open(const rehearsal_request& request) {
    actors::student_options asking;
    asking.model = request.model;
    asking.chat_template = request.chat_template;
    // A device's student has adapters; what it reads does not hang on them.
    asking.lora.targets = config::distiller_settings().lora_targets;
    FRESHET_TRY_ASSIGN(auto student, actors::student_runtime::load(asking));
    FRESHET_TRY_ASSIGN(auto words, model::load_asking_tokenizer(request.model, request.chat_template));
    return chooser(std::move(student), std::move(words.words), static_cast<std::size_t>(asking.max_new_tokens));
  }

  distill::rehearsed_picture readable(const example& from, scenes::skip_counter& skipped, std::string& why) const {
    distill::rehearsed_picture out;
    for (const scenes::qa& q : from.questions) {
      auto ready = student_.prepare(from.picture, q.question);
      const std::size_t tokens = distill::answer_tokens(*words_, q.answer).size();
      if (ready.ok() && tokens > most_tokens_ + 1) {   // the end token need not be said
        ready = scenes::skip_error(scenes::skip_kind::oversized, errc::too_large,
                                   "an answer of " + std::to_string(tokens - 1) + " tokens; devices say " + std::to_string(most_tokens_));
      }
      if (!ready.ok()) {
        skipped.count(ready.err());
        why = ready.err().text();
        continue;
      }
      out.patches = std::move(ready->patches);
      out.questions.push_back(q);
    }
    return out;
  }

 private:
  chooser(actors::student_runtime student, std::shared_ptr<const model::tokenizer> words, std::size_t most_tokens)
      : student_(std::move(student)), words_(std::move(words)), most_tokens_(most_tokens) {}
  actors::student_runtime student_;
  std::shared_ptr<const model::tokenizer> words_;
  std::size_t most_tokens_;
};

}  // namespace

result<rehearsal_outcome> make_rehearsal(const rehearsal_request& request) {
  FRESHET_TRY_ASSIGN(const model::model_config config, model::load_model_config(request.model));
  if (!config.vision && request.data == "scenes") {
    return error{errc::invalid_argument, request.model + " reads text only, and \"scenes\" are pictures; a data folder or a .jsonl file "
                                                         "of questions without \"image\" is right"};
  }
  FRESHET_TRY_ASSIGN(example_feed feed, request.data == "scenes"
                                            ? feed_of_world(request, static_cast<int>(config.vision->image_size))
                                            : feed_of_file(request, config.vision));
  FRESHET_TRY_ASSIGN(const chooser choose, chooser::open(request));

  rehearsal_outcome out;
  out.phase = feed.phase;
  scenes::skip_counter skipped = feed.skipped;
  std::string why;   // the last one
  std::vector<distill::rehearsed_picture> kept;
  int in_vain = 0;
  while (kept.size() < request.pictures) {
    if (request.data == "scenes" && in_vain++ == most_in_vain) break;
    const auto drawn = feed.next();
    if (!drawn) break;
    if (!drawn->ok()) {
      skipped.count(drawn->err());
      why = drawn->err().text();
      continue;
    }
    distill::rehearsed_picture one = choose.readable(**drawn, skipped, why);
    if (one.questions.empty()) continue;
    in_vain = 0;
    out.questions += one.questions.size();
    if (kept.size() % distill::held_out_every == 0) out.held_out += one.questions.size();
    kept.push_back(std::move(one));
  }
  if (kept.empty()) {
    return error{errc::not_found, request.data + ": no answered question that " + request.model + " can read" +
                                      (why.empty() ? std::string() : "; the last one: " + why)};
  }
  out.pictures = kept.size();
  out.skipped = skipped.summary();
  FRESHET_TRY(distill::save_rehearsal(request.model, kept, config.vision));
  out.file = (std::filesystem::path(request.model) / distill::rehearsal_file).string();
  return out;
}

}  // namespace freshet::tools
