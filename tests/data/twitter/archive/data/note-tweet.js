window.YTD.note_tweet.part0 = [
 {
  "noteTweet": {
   "noteTweetId": "1800000000000000001",
   "updatedAt": "2026-03-01T10:00:00.000Z",
   "createdAt": "2026-03-01T10:00:00.000Z",
   "lifecycle": {},
   "core": {
    "text": "a long text",
    "mentions": [],
    "urls": [],
    "hashtags": []
   }
  }
 }
]
