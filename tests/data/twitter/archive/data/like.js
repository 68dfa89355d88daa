window.YTD.like.part0 = [
 {
  "like": {
   "tweetId": "727366997390946304",
   "fullText": "Tom &amp; Jerry",
   "expandedUrl": "https://twitter.com/i/web/status/727366997390946304"
  }
 },
 {
  "like": {
   "tweetId": "20",
   "expandedUrl": "https://twitter.com/i/web/status/20"
  }
 }
]
