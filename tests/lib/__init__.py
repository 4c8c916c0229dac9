"""What the tests share: a client, invented people, a world to put them in, the station's and the sandbox's other side."""
