import ray
from langchain_core.prompts import ChatPromptTemplate

from langchain_requesty import ChatRequesty


class Labeller:
    """One chain for each worker; its model takes the key from the worker's environment."""

    def __init__(self) -> None:
        prompt = ChatPromptTemplate.from_messages([("user", "Label this review in one word: {text}")])
        self.chain = prompt | ChatRequesty(model="openai/gpt-4o-mini")

    def __call__(self, batch: dict) -> dict:
        answers = self.chain.batch([{"text": text} for text in batch["text"]], {"max_concurrency": 16})
        cost = [answer.response_metadata["cost"] for answer in answers]
        return {**batch, "label": [answer.text for answer in answers], "cost": cost}


reviews = ray.data.from_items([{"text": f"review {number}"} for number in range(64)], override_num_blocks=4)
workers = ray.data.ActorPoolStrategy(size=2)
labelled = reviews.map_batches(Labeller, batch_size=16, compute=workers, num_cpus=0.5).take_all()
assert len(labelled) == 64
assert all(row["label"] and row["cost"] > 0 for row in labelled)
